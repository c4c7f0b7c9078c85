using System.CommandLine;
using ILPreempt.Diagnostics;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt set PID maxprocs=N slice=5ms</c>: changes settings of a running process, all or none.</summary>
internal static class SetCommand
{
    public static Command Create()
    {
        Argument<int> process = new("PID") { Description = "The process." };
        Argument<string[]> changes = new("changes") { Description = "maxprocs=N, slice=D, wakeup=0|1.", Arity = ArgumentArity.OneOrMore };
        Command command = new("set", "Changes settings of a running process.") { process, changes };
        command.SetAction(parsed =>
        {
            try
            {
                parsed.InvocationConfiguration.Output.Write(DoorClient.Ask(parsed.GetValue(process), "set " + string.Join(' ', parsed.GetValue(changes)!)));
                return 0;
            }
            catch (AttachException e)
            {
                throw new UserException(ExitCode.Unavailable, e.Message);
            }
        });
        return command;
    }
}
