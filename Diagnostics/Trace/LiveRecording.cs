using System.Diagnostics.Tracing;
using System.Globalization;
using Microsoft.Diagnostics.NETCore.Client;

namespace ILPreempt.Diagnostics.Trace;

/// <summary>
/// Records a process that runs already: an EventPipe session of no events, whose arguments name the file and the duration, reaches
/// the scheduler's EventSource, and the process writes the file by itself. That needs neither ptrace nor a socket of our own, and
/// works where dotnet-trace works.
/// </summary>
public static class LiveRecording
{
    private const string Provider = "ILPreempt-Scheduler";

    /// <summary>A keyword that no event has.</summary>
    private const long NoEvents = 1L << 40;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    /// <summary>Records <paramref name="processId"/> into <paramref name="file"/>, which must not exist, and returns when that is complete.</summary>
    /// <exception cref="AttachException">The process can't be reached, does not run on ILPreempt, or is being recorded.</exception>
    public static void Record(int processId, string file, TimeSpan duration)
    {
        try
        {
            Begin(processId, file, duration);
        }
        catch (Exception e) when (e is ServerNotAvailableException or ServerErrorException or UnsupportedCommandException or IOException or TimeoutException)
        {
            throw new AttachException($"process {processId} can't be reached: it must run, be yours, be a .NET process, have the same TMPDIR, and not have DOTNET_EnableDiagnostics=0", e);
        }

        if (!Wait(() => TraceLog.IsFinished(file), duration + s_patience))
        {
            throw new AttachException($"process {processId} ended, or did not finish its recording");
        }
    }

    private static void Begin(int processId, string file, TimeSpan duration)
    {
        Dictionary<string, string> arguments = new()
        {
            ["record"] = file,
            ["duration"] = duration.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture) + "ms",
        };
        using EventPipeSession session = new DiagnosticsClient(processId).StartEventPipeSession(
            [new EventPipeProvider(Provider, EventLevel.Critical, NoEvents, arguments)], requestRundown: false, circularBufferMB: 1);
        Task drained = session.EventStream.CopyToAsync(Stream.Null);
        bool begun = Wait(() => File.Exists(file), s_patience);
        session.Stop();
        drained.Wait(s_patience);
        if (!begun)
        {
            throw new AttachException(
                $"process {processId} did not begin to record: it does not run on ILPreempt, has just started, or is being recorded already");
        }
    }

    private static bool Wait(Func<bool> condition, TimeSpan limit)
    {
        DateTime end = DateTime.UtcNow + limit;
        while (!condition())
        {
            if (DateTime.UtcNow > end)
            {
                return false;
            }

            Thread.Sleep(s_look);
        }

        return true;
    }
}
