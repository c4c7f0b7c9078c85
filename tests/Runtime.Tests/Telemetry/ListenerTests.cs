using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Diagnostics.Tracing;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Telemetry;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Telemetry;

/// <summary>What a listener in the program gets from the meter and the EventSource, which sysmon has made half a second after the start.</summary>
public class ListenerTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Fact]
    public void Meter_Observed_TellsTheSchedulersCounters()
    {
        using Meters meters = new();
        Chan<int> chan = new();

        // Another test may have left one that sleeps for long.
        int sleepers = AllGs.Snapshot().Count(g => g.Status == GStatus.Waiting);
        Gos.Run(
        [
            .. Gos.Times(3, _ => chan.Receive()),
            () =>
            {
                Assert.True(SpinWait.SpinUntil(() => AllGs.Snapshot().Count(g => g is { Status: GStatus.Waiting, WaitReason: WaitReason.ChanReceive }) == 3, s_limit));
                meters.Collect();
                for (int i = 0; i < 3; i++)
                {
                    chan.Send(i);
                }
            },
        ]);
        Assert.Equal(
            [
                "ilpreempt.goroutine.count {goroutine}", "ilpreempt.handoffs {handoff}", "ilpreempt.preemptions {preemption}",
                "ilpreempt.processor.limit {processor}", "ilpreempt.retakes {retake}", "ilpreempt.run_queue.length {goroutine}",
                "ilpreempt.schedule.duration s", "ilpreempt.steals {steal}", "ilpreempt.thread.count {thread}",
            ],
            meters.Instruments.Order(StringComparer.Ordinal));
        Assert.Equal(3 + sleepers, meters.Values["ilpreempt.goroutine.count state=waiting"]);
        Assert.Equal(Scheduler.Procs, meters.Values["ilpreempt.processor.limit"]);
        Assert.True(meters.Values["ilpreempt.thread.count state=busy"] >= 4);
        Assert.Contains("ilpreempt.run_queue.length queue=global", meters.Values);
        Assert.Contains("ilpreempt.run_queue.length queue=local", meters.Values);
        Assert.Equal(
            ["check/parked", "signal/parked", "signal/rejected_masked", "signal/rejected_native", "signal/rejected_region", "signal/rejected_runtime", "signal/rejected_stack", "signal/rejected_unknown", "signal/released_by_gc"],
            meters.Values.Keys.Where(k => k.StartsWith("ilpreempt.preemptions ", StringComparison.Ordinal))
                .Select(k => k.Replace("ilpreempt.preemptions kind=", "", StringComparison.Ordinal).Replace(" outcome=", "/", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Meter_LatencyHistogram_IsFilledWhileSomebodyCollects()
    {
        using Meters meters = new();
        meters.Collect();
        Assert.NotEqual(0, Volatile.Read(ref Tracing.Flags) & Tracing.MeterLatency);
        Gos.Run(Gos.Times(4, _ =>
        {
            for (int i = 0; i < 50; i++)
            {
                Goroutine.Yield();
            }
        }));
        meters.Collect();
        Assert.InRange(meters.Waits.Count, 200, 20_000);
        Assert.All(meters.Waits, seconds => Assert.InRange(seconds, 0, 20));
        meters.Dispose();

        // As sysmon finds it when nobody has collected for a minute.
        RuntimeMeter.Round(Platform.Clock.Now() + 61_000_000_000);
        Assert.Equal(0, Volatile.Read(ref Tracing.Flags) & Tracing.MeterLatency);
    }

    [Fact]
    public void Counters_OfHandoffsAndPreemptions_OnlyGrow()
    {
        using Meters meters = new();
        meters.Collect();
        Dictionary<string, long> before = new(meters.Values);
        using (Gos.WithProcs(1))
        {
            int ready = 0, stop = 0;
            Gos.Run(
                () =>
                {
                    Scheduler.EnterSyscallBlock();
                    Scheduler.ExitSyscall();
                    Volatile.Write(ref ready, 1);
                    CheckUntil(ref stop);
                },
                () =>
                {
                    CheckUntil(ref ready);
                    long seen = Scheduler.PreemptionsByCheck;
                    while (Scheduler.PreemptionsByCheck < seen + 2)
                    {
                        Gos.Check();
                    }

                    Volatile.Write(ref stop, 1);
                });
        }

        meters.Collect();
        Assert.True(meters.Values["ilpreempt.handoffs"] > before["ilpreempt.handoffs"]);
        Assert.True(meters.Values["ilpreempt.preemptions kind=check outcome=parked"] >= before["ilpreempt.preemptions kind=check outcome=parked"] + 2);
    }

    [Fact]
    public void EventSource_Enabled_DeliversEventsWithTheirKeywords()
    {
        using Events events = new((EventKeywords)(-1));
        using Gos.Procs one = Gos.WithProcs(1);
        long id = 0;
        Gos.Run(() =>
        {
            id = Goroutine.CurrentId;
            Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
            Scheduler.EnterSyscallBlock();
            Scheduler.ExitSyscall();
            Goroutine.Yield();
        });

        // The rings are emptied one after another, so what comes last need not have happened last.
        string[] wanted = ["GoroutineBlock sleep", "GoroutineStart 0", "GoroutineStop yield", "SyscallEnter syscall", "SyscallExit ", "GoroutineEnd "];
        string[] missing = wanted;
        bool all = SpinWait.SpinUntil(
            () =>
            {
                string[] names = [.. events.Seen.Where(e => e.Goroutine == id).Select(e => $"{e.Name} {e.Last}")];
                missing = [.. wanted.Where(w => !names.Any(n => n.StartsWith(w, StringComparison.Ordinal)))];
                return missing.Length == 0 && events.Seen.Any(e => e.Name == "Handoff");
            },
            s_limit);
        Assert.True(all, $"no handoff or none of {string.Join(", ", missing)}");
    }

    [Fact]
    public void EventSource_WithTheSyscallKeywordOnly_DeliversOnlyThose()
    {
        using Events events = new((EventKeywords)4);
        Gos.Run(() =>
        {
            Goroutine.Yield();
            Scheduler.EnterSyscallBlock();
            Scheduler.ExitSyscall();
        });
        Assert.True(SpinWait.SpinUntil(() => events.Seen.Any(e => e.Name == "SyscallExit"), s_limit));
        Assert.All(events.Seen, e => Assert.Contains(e.Name, (string[])["SyscallEnter", "SyscallExit", "Retake"]));
    }

    [Fact]
    public void EventSource_DisabledAgain_TurnsRecordingOff()
    {
        using (Events events = new((EventKeywords)(-1)))
        {
            Gos.Run(() => { });
            Assert.True(SpinWait.SpinUntil(() => !events.Seen.IsEmpty, s_limit));
        }

        Assert.True(SpinWait.SpinUntil(() => (Volatile.Read(ref Tracing.Flags) & Tracing.Events) == 0, s_limit));
    }

    [Fact]
    public void GoroutineStuck_InCodeThatCannotBeStopped_IsToldOnceForASlice()
    {
        using Events events = new((EventKeywords)2);
        using Gos.Procs one = Gos.WithProcs(1);
        long id = 0;
        Gos.Run(
            () =>
            {
                id = Goroutine.CurrentId;
                NoPreempt.Enter();

                // Without a pause, in which it would lose its P; it may lose it all the same, and then whoever waits has gone.
                Stopwatch time = Stopwatch.StartNew();
                bool told = false;
                while (!told && time.Elapsed < s_limit)
                {
                    if (!Scheduler.SomebodyWaits())
                    {
                        Goroutine.Start(() => { });
                    }

                    told = events.Seen.Any(e => e.Name == "GoroutineStuck" && e.Goroutine == id);
                }

                NoPreempt.Exit();
                Assert.True(told);
            });
    }

    private static void CheckUntil(ref int word)
    {
        while (Volatile.Read(ref word) == 0)
        {
            Gos.Check();
        }
    }

    /// <summary>Collects all instruments of the meter.</summary>
    private sealed class Meters : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentQueue<string> _instruments = new();

        internal Meters()
        {
            Goroutine.MaxProcs();
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == RuntimeMeter.Name)
                {
                    _instruments.Enqueue($"{instrument.Name} {instrument.Unit}");
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
                Values[string.Join(' ', [instrument.Name, .. tags.ToArray().Select(t => $"{t.Key}={t.Value}")])] = value);
            _listener.SetMeasurementEventCallback<double>((_, value, _, _) => Waits.Add(value));
            _listener.Start();
            Assert.True(SpinWait.SpinUntil(() => _instruments.Count == 9, s_limit), string.Join(", ", _instruments));
        }

        internal IEnumerable<string> Instruments => _instruments;

        internal Dictionary<string, long> Values { get; } = [];

        internal List<double> Waits { get; } = [];

        internal void Collect() => _listener.RecordObservableInstruments();

        public void Dispose() => _listener.Dispose();
    }

    /// <summary>Listens to the EventSource.</summary>
    private sealed class Events : EventListener
    {
        private readonly ConcurrentQueue<EventSource> _sources = new();

        internal Events(EventKeywords keywords)
        {
            Goroutine.MaxProcs();
            EventSource? source = null;
            Assert.True(SpinWait.SpinUntil(() => (source = _sources.FirstOrDefault(s => s.Name == "ILPreempt-Scheduler")) != null, s_limit));
            EnableEvents(source!, EventLevel.Informational, keywords);
        }

        internal ConcurrentQueue<(string Name, long Goroutine, object? Last)> Seen { get; } = new();

        protected override void OnEventSourceCreated(EventSource eventSource) => _sources.Enqueue(eventSource);

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            if (eventData.EventSource.Name == "ILPreempt-Scheduler")
            {
                Seen.Enqueue((eventData.EventName!, eventData.Payload is [_, long g, ..] ? g : 0, eventData.Payload!.LastOrDefault()));
            }
        }
    }
}
