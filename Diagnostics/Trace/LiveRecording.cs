using System.Globalization;
using ILPreempt.Diagnostics.Attach;

namespace ILPreempt.Diagnostics.Trace;

/// <summary>Records a process that runs already: it is asked by its socket, and writes the file by itself. No ptrace, no pause.</summary>
public static class LiveRecording
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    /// <summary>Records <paramref name="processId"/> into <paramref name="file"/> and returns when that is complete.</summary>
    /// <exception cref="AttachException">The process has no socket, is being recorded already, or has ended.</exception>
    public static void Record(int processId, string file, TimeSpan duration)
    {
        DoorClient.Ask(processId, string.Create(CultureInfo.InvariantCulture, $"trace {duration.TotalMilliseconds:0}ms {file}"));
        DateTime end = DateTime.UtcNow + duration + s_patience;
        while (!TraceLog.IsFinished(file))
        {
            if (DateTime.UtcNow > end || !Directory.Exists($"/proc/{processId}"))
            {
                throw new AttachException($"process {processId} did not finish its recording{(Directory.Exists($"/proc/{processId}") ? "" : ": it has ended")}");
            }

            Thread.Sleep(s_look);
        }
    }
}
