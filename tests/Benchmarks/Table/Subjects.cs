using System.Globalization;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks.Table;

/// <summary>All rows, in the table's order. Those of the older commands come from the commands' own classes.</summary>
internal static class Subjects
{
    private static readonly string[] s_slices = ["10ms", "1ms", "100us"];
    private static readonly int[] s_requests = [1, 10, 100];
    private static readonly int[] s_paused = [0, 8, 63];

    public static IEnumerable<Subject> All() =>
    [
        Ask("create-task", "create tasks N", "create tasks N", "create N", 1_000_000, 100_000, new Row("ns", "Task.Run of nothing: create, run, end (Go: go)", "ns")),
        Ask("create-goroutine", "create goroutines N", "create tasks N", "create N", 300_000, 50_000, new Row("ns", "goroutine of nothing: create, run, end (dotnet: Task.Run)", "ns")),
        Ask("create-thread", "create threads N", "create threads N", null, 2_000, 500, new Row("ns", "Thread of nothing: create, start, run, end", "ns")),
        One("yield", "yield goroutines N", "yield threads N", "yield N", 100_000, 10_000, new Row("ns", "yield, two goroutines on one P (dotnet: Thread.Yield)", "ns")),
        One("yield-task", "yield tasks N", "yield tasks N", "yield N", 1_000_000, 100_000, new Row("ns", "await Task.Yield, two tasks on one processor (Go: Gosched)", "ns")),
        Ask("pingpong", "pingpong goroutines N", "pingpong threads N", "pingpong N", 20_000, 5_000, new Row("ns", "ping-pong round trip, goroutines, park and ready (dotnet: threads)", "ns")),
        Ask("pingpong-thread", "pingpong threads N", "pingpong threads N", "pingpong N", 20_000, 5_000, new Row("ns", "ping-pong round trip, threads, SemaphoreSlim (Go: channels)", "ns")),
        Ask("pingpong-task", "pingpong tasks N", "pingpong tasks N", "pingpong N", 200_000, 20_000, new Row("ns", "ping-pong round trip, tasks, Channel (Go: channels)", "ns")),
        Ask("parked-task", "parked tasks N", "parked tasks N", "parked N", 100_000, 100_000, new Row("kB", "memory of each of 100,000 waiting tasks (Go: goroutines)", "kB")) with { Rounds = 5 },
        // Every started goroutine holds a thread, so this has no figure of ours; the next row has what is possible.
        Ask("parked", null, "parked tasks N", "parked N", 100_000, 100_000, new Row("kB", "memory of each of 100,000 parked goroutines (dotnet: tasks)", "kB")) with { Rounds = 1 },
        Ask("parked-thread", "parked goroutines N", "parked threads N", "parked N", 9_900, 2_000, new Row("kB", "memory of each of 9,900 parked goroutines (dotnet: threads)", "kB")) with { Rounds = 5 },
        Ask("million", "million goroutines N", "million tasks N", "million N", 1_000_000, 1_000_000,
            new Row("ms", "a million goroutines created and ended (dotnet: tasks)", "ms"), new Row("peakMB", "a million goroutines: peak memory", "MB")) with { Rounds = 5 },
        .. Preemption(),
        .. Wakeups(),
        Ask("fairness", "fairness goroutines 8 N", "fairness threads 8 N", "fairness 8 N", 2_000, 600, new Row("spread", "largest / smallest share of the CPU among 8 hogs", "x")) with { Rounds = 3 },
        .. KernelOverhead.Subjects(),
        .. s_slices.Select(Slices),
        .. s_requests.Select(Starvation.Subject),
        SyncOverAsync(),
        .. Throughput.Subjects(),
        StartupTime.Subject(),
        WeavingSpeed.Subject(),
        .. s_paused.Select(n => Ask($"gc-{n}", $"gcpause goroutines {n} N", $"gcpause threads {n} N", $"gcpause {n} N", 50, 10,
            new Row("us", n == 0 ? "collection pause alone (generation 0; Go: runtime.GC)" : $"collection pause beside {Hogs(n)}", "us")) with { Rounds = 3 }),
        SignalCost.Subject(),
        TracingCost.Subject(),
    ];

    private static Subject Ask(string name, string? ours, string? plain, string? go, int n, int quickN, params Row[] rows) =>
        Ask(name, ours, plain, go, n, quickN, processors: 0, run: null, rows);

    // On one P, or one processor.
    private static Subject One(string name, string? ours, string? plain, string? go, int n, int quickN, params Row[] rows) =>
        Ask(name, ours, plain, go, n, quickN, processors: 1, run: null, rows);

    private static Subject Ask(string name, string? ours, string? plain, string? go, int n, int quickN, int processors, string[]? run, Row[] rows)
    {
        return new Subject(name, [.. rows.Select(r => r with { Key = $"{name}/{r.Key}" })], Run);

        Answer? Run(Column column, bool quick)
        {
            string number = (quick ? quickN : n).ToString(CultureInfo.InvariantCulture);
            string? With(string? arguments) => arguments?.Replace("N", number, StringComparison.Ordinal);
            string? output = Programs.Output(column, "Measures", With(ours), With(plain), With(go), processors, column == Column.ILPreempt ? run : null);
            return output is null ? null : Answer.Parse(output);
        }
    }

    private static string Hogs(int n) => n == 1 ? "1 hog" : $"{n} hogs";

    private static IEnumerable<Subject> Preemption()
    {
        foreach (string by in new[] { "check", "signal" })
        {
            yield return One($"preempt-{by}", $"preempt {by} N", null, "preempt N", 3_000, 1_000,
            [
                new Row("p50", $"slice end to switch by {by}, median", "us"),
                new Row("p99", $"slice end to switch by {by}, 99th percentile", "us"),
                new Row("max", $"slice end to switch by {by}, largest", "us"),
            ]) with { Rounds = 3 };
        }
    }

    private static IEnumerable<Subject> Wakeups()
    {
        foreach (int hogs in new[] { 1, 4, 16, 64 })
        {
            yield return Ask($"wakeup-{hogs}", $"wakeup goroutines {hogs} N", $"wakeup threads {hogs} N", $"wakeup {hogs} N", 1_500, 600,
            [
                new Row("p50", $"sleeper of 1 ms beside {Hogs(hogs)} wakes late by, median", "ms"),
                new Row("p99", $"sleeper of 1 ms beside {Hogs(hogs)} wakes late by, 99th percentile", "ms"),
            ]) with { Rounds = 3 };
        }

        yield return Ask("wakeup-task", "wakeup tasks 16 N", "wakeup tasks 16 N", "wakeup 16 N", 1_500, 600,
        [
            new Row("p50", "Task.Delay(1) beside 16 Task.Run hogs, late by, median", "ms"),
            new Row("p99", "Task.Delay(1) beside 16 Task.Run hogs, late by, 99th percentile", "ms"),
        ]) with { Rounds = 3 };
    }

    // Go's slice is fixed, the kernel's is its own affair: both appear as they are in each of the three rows.
    private static Subject Slices(string slice) => Ask(
        $"slice-{slice}", "work goroutines 4 N", "work threads 4 N", "work 4 N", 1_000, 500, processors: 0, ["--slice", slice],
        [new Row("rate", $"work of 4 hogs, ILPreempt with slices of {slice}", "million steps/s", MoreIsBetter: true)]) with { Rounds = 3 };

    // Plain .NET with 500 bodies ends by HttpClient's timeout after 100 s: it gets less than that, and the reader is told.
    private static Subject SyncOverAsync()
    {
        return new Subject("soa", [new Row("soa/ms", "500 Task.Run bodies that block on tasks and a request", "ms")], Run) { Rounds = 3, Budget = TimeSpan.FromSeconds(90) };

        static Answer? Run(Column column, bool quick)
        {
            TimeSpan limit = TimeSpan.FromSeconds(quick ? 5 : 15);
            try
            {
                string? output = Programs.Output(column, "Load", "soa 500", "soa 500", "soa 500", timeout: limit);
                return output is null ? null : column == Column.Go ? Answer.Parse(output) : Answer.Of("ms", double.Parse(output.Split('\n')[0], CultureInfo.InvariantCulture));
            }
            catch (TimeoutException)
            {
                return Answer.Of("ms", limit.TotalMilliseconds) with { Note = $"{column} had not ended after {limit.TotalSeconds} s and was stopped: the figure is a lower bound." };
            }
        }
    }
}
