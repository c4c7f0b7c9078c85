using System.CommandLine;
using ILPreempt.Diagnostics;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Diagnostics.Views;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt dump PID</c>: every goroutine of a live process with its stack, as Go prints them.</summary>
internal static class DumpCommand
{
    public static Command Create()
    {
        Argument<int> process = new("PID") { Description = "The process; it stands still for a moment." };
        Command dump = new("dump", "Prints the goroutines of a live process, with stacks.") { process };
        dump.SetAction(parsed => Dump(parsed.GetValue(process), parsed.InvocationConfiguration.Output));
        return dump;
    }

    private static int Dump(int process, TextWriter output)
    {
        try
        {
            GoText.Write(ProcessReader.Read(process), output);
            return 0;
        }
        catch (AttachException e)
        {
            throw new UserException(ExitCode.Unavailable, e.Message);
        }
    }
}
