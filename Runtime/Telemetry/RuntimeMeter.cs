using System.Diagnostics.Metrics;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// The scheduler's counters as a Meter, in the words of Go's semantic conventions. All instruments but one are observed: they read
/// counters that are there anyway, when a collector asks. The histogram of scheduling latency has no observable form: while somebody
/// listens to it, ScheduleLatency counts, and what was counted is replayed into it whenever the others are observed.
/// The callbacks run on a collector's thread and take no lock but the runtime's own, whose holders are never stopped.
/// </summary>
internal static unsafe class RuntimeMeter
{
    internal const string Name = "ILPreempt.Runtime";

    /// <summary>Nobody has collected for so long: nobody listens.</summary>
    private const long AbandonedNs = 60_000_000_000;

    /// <summary>How many waits are replayed at a time. More are thinned evenly: a listener needs about 0.1 us for each.</summary>
    private const long MaxReplayed = 20_000;

    private static Meter? s_meter;
    private static Histogram<double>? s_latency;
    private static LatencySnapshot? s_replayed;
    private static long s_collected;

    /// <summary>Makes the meter, once.</summary>
    internal static void Create()
    {
        Meter meter = new(Name, typeof(RuntimeMeter).Assembly.GetName().Version?.ToString(3));
        s_latency = meter.CreateHistogram<double>(
            "ilpreempt.schedule.duration", "s", "How long goroutines waited from runnable to running.");
        meter.CreateObservableUpDownCounter("ilpreempt.goroutine.count", Goroutines, "{goroutine}", "Goroutines by state.");
        meter.CreateObservableUpDownCounter("ilpreempt.processor.limit", static () => (long)Scheduler.Procs, "{processor}", "Goroutines that run at once (MAXPROCS).");
        meter.CreateObservableUpDownCounter("ilpreempt.thread.count", Threads, "{thread}", "Threads that the scheduler owns or has adopted.");
        meter.CreateObservableUpDownCounter("ilpreempt.run_queue.length", RunQueues, "{goroutine}", "Runnable goroutines in queues.");
        meter.CreateObservableCounter("ilpreempt.preemptions", Preemptions, "{preemption}", "Requests to stop, by kind and outcome.");
        meter.CreateObservableCounter("ilpreempt.handoffs", static () => Volatile.Read(ref Scheduler.Handoffs), "{handoff}", "Ps that left an M which blocked or ended.");
        meter.CreateObservableCounter("ilpreempt.steals", static () => Volatile.Read(ref Scheduler.Steals), "{steal}", "Times that a P took goroutines from another.");
        meter.CreateObservableCounter("ilpreempt.retakes", static () => Volatile.Read(ref SysMon.Retakes), "{retake}", "Ps that sysmon took from threads in native code.");
        s_meter = meter;
    }

    /// <summary>sysmon: stops measuring latency for a listener that is gone. Returns when to call again.</summary>
    internal static long Round(long now)
    {
        if ((Tracing.Flags & Tracing.MeterLatency) == 0)
        {
            return long.MaxValue;
        }

        long abandoned = Volatile.Read(ref s_collected) + AbandonedNs;
        if (now >= abandoned)
        {
            Tracing.Clear(Tracing.MeterLatency);
            return long.MaxValue;
        }

        return abandoned;
    }

    private static IEnumerable<Measurement<long>> Goroutines()
    {
        ReplayLatency();
        long running = 0, runnable = 0, waiting = 0, syscall = 0, parked = 0;
        foreach (G g in AllGs.Snapshot())
        {
            switch (g.Status)
            {
                case GStatus.Running:
                    running++;
                    break;
                case GStatus.Preempted:
                case GStatus.Runnable when g.WaitReason == WaitReason.Preempted:
                    parked++;
                    break;
                case GStatus.Runnable:
                    runnable++;
                    break;
                case GStatus.Waiting:
                    waiting++;
                    break;
                case GStatus.Syscall:
                    syscall++;
                    break;
            }
        }

        return
        [
            With(running, "state", "running"),
            With(runnable, "state", "runnable"),
            With(waiting, "state", "waiting"),
            With(syscall, "state", "syscall"),
            With(parked, "state", "parked_signal"),
        ];
    }

    private static IEnumerable<Measurement<long>> Threads()
    {
        long idle = Scheduler.NMIdle;
        return [With(Math.Max(0, AllMs.Count - idle), "state", "busy"), With(idle, "state", "idle")];
    }

    private static IEnumerable<Measurement<long>> RunQueues()
    {
        long local = 0;
        foreach (P p in Scheduler.AllP)
        {
            local += p.RunQueue.Count;
        }

        return [With(Scheduler.RunQ.Count, "queue", "global"), With(local, "queue", "local")];
    }

    private static IEnumerable<Measurement<long>> Preemptions()
    {
        SchedTrace.Outcomes(out long released, out long[] refused);
        List<Measurement<long>> all =
        [
            With(Volatile.Read(ref Scheduler.PreemptionsByCheck), "kind", "check", "outcome", "parked"),
            With(Volatile.Read(ref Scheduler.PreemptionsBySignal), "kind", "signal", "outcome", "parked"),
            With(released, "kind", "signal", "outcome", "released_by_gc"),
        ];
        for (int i = 0; i < refused.Length; i++)
        {
            all.Add(With(refused[i], "kind", "signal", "outcome", "rejected_" + SchedTrace.Refusals[i]));
        }

        return all;
    }

    private static void ReplayLatency()
    {
        Histogram<double> histogram = s_latency!;
        if (!histogram.Enabled)
        {
            Tracing.Clear(Tracing.MeterLatency);
            s_replayed = null;
            return;
        }

        Volatile.Write(ref s_collected, Platform.Clock.Now());
        LatencySnapshot now = ScheduleLatency.Snapshot();
        LatencySnapshot? before = Interlocked.Exchange(ref s_replayed, now);
        if (before == null)
        {
            Tracing.Set(Tracing.MeterLatency);
            SysMon.Poke();
            return;
        }

        LatencySnapshot waits = now.Since(before);
        double share = Math.Min(1, (double)MaxReplayed / Math.Max(1, waits.Count));
        double owed = 0;
        for (int bucket = 0; bucket < waits.Counts.Count; bucket++)
        {
            double seconds = ScheduleLatency.UpperOf(bucket) * 1e-9;
            for (owed += waits.Counts[bucket] * share; owed >= 1; owed--)
            {
                histogram.Record(seconds);
            }
        }
    }

    private static Measurement<long> With(long value, string key, string text) => new(value, new KeyValuePair<string, object?>(key, text));

    private static Measurement<long> With(long value, string key, string text, string key2, string text2) =>
        new(value, new KeyValuePair<string, object?>(key, text), new KeyValuePair<string, object?>(key2, text2));
}
