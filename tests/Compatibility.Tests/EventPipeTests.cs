using System.Diagnostics.Tracing;
using System.Globalization;
using ILPreempt.TestUtils;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>Talks to the diagnostic port of a .NET process, as dotnet-trace and dotnet-counters do.</summary>
internal static class DiagnosticTarget
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    /// <summary>Waits until the process has become the program, after a shell and the launcher, and answers.</summary>
    internal static void WaitUntilItListens(int processId)
    {
        bool Answers()
        {
            try
            {
                string command = File.ReadAllText($"/proc/{processId}/cmdline").Split('\0')[0];
                if (Path.GetFileName(command) != "dotnet")
                {
                    return false;
                }

                new DiagnosticsClient(processId).GetProcessEnvironment();
                return true;
            }
            catch (Exception e) when (e is ServerNotAvailableException or IOException)
            {
                return false;
            }
        }

        Assert.True(SpinWait.SpinUntil(Answers, s_limit), $"process {processId} does not answer");
    }

    /// <summary>Until the socket of a hosted process is there.</summary>
    internal static void WaitForTheDoor(string processId) => Assert.True(
        SpinWait.SpinUntil(() => File.Exists(Path.Combine(Path.GetTempPath(), $"ilpreempt-{processId}-socket")), s_limit),
        $"process {processId} opened no socket");

    /// <summary>Opens a session and hands each event to <paramref name="seen"/> until that says that it has seen enough.</summary>
    internal static void Listen(int processId, EventPipeProvider provider, Func<TraceEvent, bool> seen)
    {
        using EventPipeSession session = new DiagnosticsClient(processId).StartEventPipeSession([provider], requestRundown: false);
        using EventPipeEventSource source = new(session.EventStream);

        // The stream ends with the session; the callback can't wait for that, because it is what empties the stream.
        using ManualResetEventSlim enough = new();
        Task stopped = Task.Run(() =>
        {
            enough.Wait(s_limit);
            session.Stop();
        });
        source.Dynamic.All += e =>
        {
            if (!enough.IsSet && seen(e))
            {
                enough.Set();
            }
        };
        source.Process();
        enough.Set();
        stopped.Wait(s_limit);
    }
}

/// <summary>A hosted program is visible to .NET's own tools.</summary>
public class EventPipeTests
{
    [Fact]
    public void EventSource_OverEventPipe_DeliversTheSchedulersEvents()
    {
        HashSet<string> names = [];
        string[] want = ["Goroutine/Start", "Goroutine/Stop", "GoroutineBlock", "GoroutineUnblock", "Preemption"];
        WithHogs(pid => DiagnosticTarget.Listen(
            pid,
            new EventPipeProvider("ILPreempt-Scheduler", EventLevel.Informational, 0xF),
            e => names.Add(e.EventName) && want.All(names.Contains)));
        Assert.True(want.All(names.Contains), string.Join(' ', names));
    }

    [Fact]
    public void Meter_OverEventPipe_IsMadeWhenSomebodyConnects()
    {
        // What dotnet-counters sends.
        HashSet<string> instruments = [];
        string[] want = ["ilpreempt.goroutine.count", "ilpreempt.processor.limit", "ilpreempt.thread.count", "ilpreempt.run_queue.length", "ilpreempt.preemptions", "ilpreempt.schedule.duration"];
        string id = Guid.NewGuid().ToString();

        // Not before Main says that it runs: CoreLib itself can deadlock when a metrics session meets the first use of the array pool.
        With("exec \"$0\" run --maxprocs 1 \"$1\" dump-me", Repo.TestApp("SignalGuest"), pid => DiagnosticTarget.Listen(
            pid,
            new EventPipeProvider("System.Diagnostics.Metrics", EventLevel.Informational, 2, new Dictionary<string, string>
            {
                ["SessionId"] = id,
                ["Metrics"] = "ILPreempt.Runtime",
                ["RefreshInterval"] = "1",
                ["MaxTimeSeries"] = "1000",
                ["MaxHistograms"] = "10",
                ["ClientId"] = id,
            }),
            e => e.EventName is "UpDownCounterRateValuePublished" or "CounterRateValuePublished" or "HistogramValuePublished"
                && instruments.Add((string)e.PayloadByName("instrumentName"))
                && want.All(instruments.Contains)));
        Assert.True(want.All(instruments.Contains), string.Join(' ', instruments));
    }

    [Fact]
    public void Stall_OverEventPipe_ComesWithItsGoroutineAndTheCode()
    {
        string? told = null;

        // The line that the program waits for never comes, a pipe that both ends hold has no end; and somebody waits for the lock each second,
        // so that one stall comes after the listener.
        With("f=$(mktemp -u) && mkfifo $f && exec <>$f && rm $f; echo ready $$; exec \"$0\" run --maxprocs 1 --stall 100ms \"$1\" locks", Repo.TestApp("Stalls"), pid => DiagnosticTarget.Listen(
            pid,
            new EventPipeProvider("ILPreempt-Scheduler", EventLevel.Warning, 0xF),
            e => e.EventName == "Stall" && (told = $"{e.PayloadByName("goroutine")}: {e.PayloadByName("what")}") != null));
        Assert.Matches(@"^\d+: .*held by goroutine \d+, which was preempted", told);
    }

    private static void WithHogs(Action<int> look) =>
        With("echo ready $$; exec \"$0\" run --maxprocs 1 \"$1\" 60", Repo.TestApp("Hogs"), look);

    /// <summary>Runs a script that says "ready PID", calls <paramref name="look"/> then, and ends it.</summary>
    private static void With(string script, string app, Action<int> look)
    {
        Exception? failure = null;
        ChildProcess.Run("/bin/sh", ["-c", script, Repo.IlPreempt, app], new ChildOptions
        {
            Timeout = TimeSpan.FromSeconds(90),
            OnOutputLine = (child, line) =>
            {
                if (!line.StartsWith("ready ", StringComparison.Ordinal) || !int.TryParse(line.AsSpan(6), CultureInfo.InvariantCulture, out int pid))
                {
                    return;
                }

                try
                {
                    DiagnosticTarget.WaitUntilItListens(pid);
                    look(pid);
                }
                catch (Exception e)
                {
                    failure = e;
                }

                child.Signal(9);
            },
        });
        Assert.True(failure == null, failure?.ToString());
    }
}
