using System.CommandLine;
using System.Globalization;
using ILPreempt.Diagnostics;
using ILPreempt.Diagnostics.Trace;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt hogs PID</c>: the methods in which slices ended, that is, which kept others waiting.</summary>
internal static class HogsCommand
{
    private const int MaxRows = 30;

    public static Command Create()
    {
        Argument<int> process = new("PID") { Description = "The process; it stands still for a moment at the end." };
        Option<string?> duration = new("--duration") { Description = "For how long to look (default 5s)." };
        Command hogs = new("hogs", "Shows which methods used up their time slices.") { process, duration };
        hogs.SetAction(parsed => Run(
            parsed.GetValue(process), TraceCommand.ReadDuration(parsed.GetValue(duration)) ?? TimeSpan.FromSeconds(5), parsed.InvocationConfiguration.Output));
        return hogs;
    }

    private static int Run(int process, TimeSpan duration, TextWriter output)
    {
        try
        {
            Print(TraceCommand.WithTemporaryFile(file =>
            {
                LiveRecording.Record(process, file, duration);
                return SliceUse.Read(TraceLog.Read(file));
            }), output);
            return 0;
        }
        catch (Exception e) when (e is AttachException or TraceException)
        {
            throw new UserException(ExitCode.Unavailable, e.Message);
        }
    }

    private static void Print(IReadOnlyList<SliceUse> uses, TextWriter output)
    {
        int total = uses.Sum(use => use.Slices);
        if (total == 0)
        {
            output.WriteLine("No slice was used up: nobody was kept waiting.");
            return;
        }

        output.WriteLine("slices  share  method");
        foreach (SliceUse use in uses.Take(MaxRows))
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{use.Slices,6}{100.0 * use.Slices / total,6:F1}%  {use.Method}"));
        }
    }
}
