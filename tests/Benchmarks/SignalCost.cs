using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using ILPreempt.Benchmarks.Table;
using ILPreempt.Runtime;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What asynchronous preemption costs: the pause of a collection while n threads are parked in the signal handler (each has
/// to wake up, leave the handler and be suspended), and the time of a fixed amount of work while a signal stops it at the end of each
/// slice. This assembly is not woven, so nothing here passes a check.
/// </summary>
internal static class SignalCost
{
    private static volatile bool s_stop;
    private static long s_work;

    /// <summary>Rows of the table; plain .NET's and Go's figures for threads that run are in the rows before.</summary>
    public static Subject Subject() => new(
        "signals",
        [
            new Row("signals/pause0", "collection pause, no thread stopped by a signal", "us"),
            new Row("signals/pause8", "collection pause, 8 threads stopped by a signal", "us"),
            new Row("signals/pause63", "collection pause, 63 threads stopped by a signal", "us"),
            new Row("signals/slowdown", "time of work that a signal stops each slice; undisturbed = 1", "x"),
        ],
        (column, quick) => Programs.Inside(column, quick ? ["signals", "--rows", "--quick"] : ["signals", "--rows"])) { Rounds = 2 };

    public static int Run(string[] args)
    {
        bool quick = args.Contains("--quick");
        bool rows = args.Contains("--rows");
        Goroutine.MaxProcs(1);
        WarmUp();
        if (AsyncPreempt.Reason is string reason)
        {
            Console.Error.WriteLine($"No signals: {reason}");
            return 1;
        }

        if (!args.Contains("slowdown"))
        {
            Pauses(rows ? [0, 8, 63] : quick ? [0, 1, 8] : [0, 1, 2, 4, 8, 16, 32, 63], quick ? 20 : 100, rows);
        }

        Slowdown(quick ? 5 : rows ? 15 : 41, rows);
        return 0;
    }

    private static void WarmUp()
    {
        using ManualResetEventSlim done = new();
        Goroutine.Start(() =>
        {
            for (int i = 0; i < 50; i++)
            {
                Work(1_000_000);
            }

            done.Set();
        });
        done.Wait();
    }

    private static void Pauses(int[] parked, int rounds, bool rows)
    {
        Console.WriteLine($"{"parked threads",-16}{"pause us, median",18}{"90 %",8}");
        foreach (int n in parked)
        {
            s_stop = false;
            using CountdownEvent ended = new(n + 1);
            for (int i = 0; i <= n; i++)
            {
                Goroutine.Start(() =>
                {
                    Spin();
                    ended.Signal();
                });
            }

            double[] pauses = new double[rounds];
            for (int round = 0; round < rounds; round++)
            {
                // Each collection lets them go; they are parked again within milliseconds.
                if (!SpinWait.SpinUntil(() => Parked() == n && Thread.Yield(), TimeSpan.FromSeconds(20)))
                {
                    Console.WriteLine($"{n,-16}only {Parked()} were parked");
                    break;
                }

                GC.Collect(0);
                pauses[round] = GC.GetGCMemoryInfo(GCKind.Ephemeral).PauseDurations[0].TotalMicroseconds;
            }

            s_stop = true;
            ended.Wait();
            Array.Sort(pauses);
            Console.WriteLine($"{n,-16}{pauses[rounds / 2],18:F0}{pauses[rounds * 9 / 10],8:F0}");
            if (rows && pauses[0] > 0)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"pause{n} {pauses[rounds / 2]:F1}"));
            }
        }
    }

    private static unsafe int Parked()
    {
        int count = 0;
        AllMs.ForEach(m => count += Volatile.Read(ref m.Slot->Handler) == (int)HandlerState.Parked ? 1 : 0);
        return count;
    }

    private static void Slowdown(int rounds, bool rows)
    {
        double[] alone = new double[rounds], beside = new double[rounds];
        long signals = 0;
        Stopwatch time = Stopwatch.StartNew();
        TimeSpan stopped = default;
        for (int i = 0; i < rounds; i++)
        {
            alone[i] = Timed();
            s_stop = false;
            using ManualResetEventSlim ended = new();
            long before = Scheduler.PreemptionsBySignal;
            TimeSpan from = time.Elapsed;
            Goroutine.Start(() =>
            {
                while (!s_stop)
                {
                    Goroutine.Sleep(TimeSpan.FromMilliseconds(9));
                }

                ended.Set();
            });
            beside[i] = Timed();
            stopped += time.Elapsed - from;
            signals += Scheduler.PreemptionsBySignal - before;
            s_stop = true;
            ended.Wait();
        }

        double[] ratios = [.. beside.Zip(alone, (b, a) => b / a)];
        Array.Sort(ratios);
        Array.Sort(alone);
        if (rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"slowdown {ratios[rounds / 2]:F4}"));
        }

        Console.WriteLine($"\nwork alone {alone[rounds / 2]:F1} ms; stopped by {signals / stopped.TotalSeconds:F0} signals a second it takes {ratios[rounds / 2]:F3} times as long ({ratios[0]:F3} to {ratios[^1]:F3} over {rounds} pairs)");
    }

    private static double Timed()
    {
        using ManualResetEventSlim done = new();
        double ms = 0;
        Goroutine.Start(() =>
        {
            long from = Stopwatch.GetTimestamp();
            Work(150_000_000);
            ms = Stopwatch.GetElapsedTime(from).TotalMilliseconds;
            done.Set();
        });
        done.Wait();
        return ms;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Spin()
    {
        while (!s_stop)
        {
            s_work++;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Work(int n)
    {
        uint x = 1;
        for (int i = 0; i < n; i++)
        {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
        }

        s_work = x;
    }
}
