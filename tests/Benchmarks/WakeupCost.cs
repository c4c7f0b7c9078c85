using System.Diagnostics;
using ILPreempt.Runtime;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What wake-up preemption takes from those it preempts: a fixed amount of work by four goroutines with checks on one P, alone and
/// beside one that wakes a hundred times a second and does nothing. By turns; the ratio is that of each pair. The time is that of
/// the work, not CPU time: an idle CPU between two goroutines is a loss, too.
/// </summary>
internal static class WakeupCost
{
    private const int Hogs = 4;

    private static volatile bool s_stop;

    public static int Run(string[] args)
    {
        int rounds = args.Contains("--quick") ? 5 : 41;
        Goroutine.MaxProcs(1);
        Work();
        double[] alone = new double[rounds], beside = new double[rounds];
        long wakes = 0;
        long slices = 0;
        for (int i = 0; i < rounds; i++)
        {
            alone[i] = Work();
            s_stop = false;
            long before = Scheduler.PreemptionsByCheck;
            using ManualResetEventSlim ended = new();
            Goroutine.Start(() =>
            {
                while (!s_stop)
                {
                    Goroutine.Sleep(TimeSpan.FromMilliseconds(10));
                    wakes++;
                }

                ended.Set();
            });
            beside[i] = Work();
            s_stop = true;
            ended.Wait();
            slices += Scheduler.PreemptionsByCheck - before;
        }

        double[] ratios = [.. beside.Zip(alone, (b, a) => b / a).Order()];
        double seconds = beside.Sum() / 1000;
        Console.WriteLine(
            $"work alone {Measure.Cell(Measure.Median(alone))} ms; beside {wakes / seconds:F0} wake-ups a second ({slices / seconds:F0} slices ended) it takes {ratios[rounds / 2]:F3} times as long (quartiles {ratios[rounds / 4]:F3} to {ratios[rounds * 3 / 4]:F3}, {rounds} pairs)");
        return 0;
    }

    private static double Work()
    {
        Stopwatch clock = Stopwatch.StartNew();
        CheckedWork.Run(Hogs, 25_000_000);
        return clock.Elapsed.TotalMilliseconds;
    }
}
