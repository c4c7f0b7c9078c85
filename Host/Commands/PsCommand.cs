using System.CommandLine;
using System.Globalization;
using ILPreempt.Diagnostics;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt ps</c>: the hosted processes that this user may look at.</summary>
internal static class PsCommand
{
    public static Command Create()
    {
        Command command = new("ps", "Lists the processes that run on ILPreempt.");
        command.SetAction(parsed => List(parsed.InvocationConfiguration.Output));
        return command;
    }

    private static int List(TextWriter output)
    {
        List<string[]> rows = [["PID", "APP", "GOROUTINES", "RUNNING", "RUNNABLE", "WAITING", "SYSCALL", "PS", "UPTIME"]];
        foreach (int process in DoorClient.Processes())
        {
            try
            {
                ProcessStatus status = ProcessStatus.Ask(process);
                rows.Add([$"{process}", status.App, $"{status.Goroutines}", .. status.States("running", "runnable", "waiting", "syscall"), $"{status.MaxProcs}", Uptime(status.Uptime)]);
            }
            catch (AttachException e)
            {
                rows.Add([$"{process}", e.Message, "", "", "", "", "", "", ""]);
            }
        }

        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(c => rows.Max(r => r[c].Length))];
        foreach (string[] row in rows)
        {
            // Text to the left, numbers to the right.
            output.WriteLine(string.Join("  ", row.Select((cell, c) => c == 1 ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c]))).TrimEnd());
        }

        return 0;
    }

    private static string Uptime(TimeSpan t) => t.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)t.TotalHours}h{t.Minutes:00}m")
        : string.Create(CultureInfo.InvariantCulture, $"{t.Minutes}m{t.Seconds:00}s");
}
