namespace ILPreempt.Simulation;

/// <summary>The tables of docs/performance.md.</summary>
internal static class Tables
{
    private static readonly int[] s_procs = [1, 4, 16, 64, 128, 256];

    /// <summary>Which workloads, and how many goroutines for each P.</summary>
    private static readonly (string Workload, int PerProc, int Least)[] s_rows =
    [
        ("tree", 2000, 4000), ("fanout", 100, 400), ("timers", 8, 100), ("hogs", 1, 1000), ("pairs", 200, 400), ("uneven", 200, 1000), ("arrivals", 200, 1000),
    ];

    internal const string Header =
        "| workload | Ps | goroutines | ms | used | steals/turn | wakes/turn | ready to run p50 | p99 | max | lock wait mean | max | held | locks/ms | poll word up | sysmon round | awake at most | of a CPU |\n"
        + "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

    internal static void Print()
    {
        Console.WriteLine(Header);
        foreach ((string workload, int perProc, int least) in s_rows)
        {
            foreach (int procs in s_procs)
            {
                TrialResult result = Trial.Run(new TrialSetup(workload, procs, 1, Math.Max(least, perProc * procs)) { Every = 256, Warm = true, MaxLead = 2_000 });
                Console.WriteLine(Row(result));
                if (result.Failure != null)
                {
                    Console.Error.WriteLine($"{workload} {procs}: {result.Failure}");
                }
            }
        }
    }

    internal static string Row(TrialResult r)
    {
        double starts = Math.Max(1, r.Starts);
        return $"| {r.Setup.Workload} | {r.Setup.Procs} | {r.Goroutines} | {r.Elapsed / 1e6:F1} | {r.Utilisation:P1} | {r.Steals / starts:F3} | {r.Wakes / starts:F2} | "
            + $"{Time(r.Latency.Percentile(0.5))} | {Time(r.Latency.Percentile(0.99))} | {Time(r.Latency.Max)} | "
            + $"{Time((long)r.LockWait.Mean)} | {Time(r.LockWait.Max)} | {Time((long)r.LockHold.Mean)} | {r.LockWait.Count / Math.Max(0.001, r.Elapsed / 1e6):F0} | "
            + $"{r.PollUp:P1} | {Time((long)r.SysMonRound)} | {Time(r.SysMonLongest)} | {r.SysMonShare:P1} |";
    }

    private static string Time(long ns) => ns switch
    {
        < 1_000 => $"{ns} ns",
        < 100_000 => $"{ns / 1e3:F1} us",
        < 1_000_000 => $"{ns / 1e3:F0} us",
        _ => $"{ns / 1e6:F1} ms",
    };
}
