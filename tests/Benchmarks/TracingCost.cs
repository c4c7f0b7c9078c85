using System.Globalization;
using ILPreempt.Benchmarks.Table;
using ILPreempt.Runtime;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What recording costs: a fixed amount of work that is preempted at the end of every slice, and, as the worst case, goroutines that do
/// nothing but switch. Off and on by turns; the ratio is that of each pair. CPU time of the process, so that the drain thread counts and
/// other programs do not.
/// </summary>
internal static class TracingCost
{
    private const int Hogs = 4;

    /// <summary>Rows of the table. Not recording is 1.</summary>
    public static Subject Subject() => new(
        "recording",
        [new Row("recording/work", "CPU of preempted work while it is recorded; else = 1", "x"), new Row("recording/switch", "CPU of a switch while it is recorded; else = 1", "x")],
        (column, quick) => Programs.Inside(column, quick ? ["tracing", "--rows", "--quick"] : ["tracing", "--rows"])) { Rounds = 1 };

    public static int Run(string[] args)
    {
        int rounds = args.Contains("--quick") ? 5 : args.Contains("--rows") ? 15 : 31;
        Goroutine.MaxProcs(1);
        string file = Path.GetTempFileName();
        try
        {
            Compare("preempted work", "ms CPU", rounds, file, Work, args.Contains("--rows") ? "work" : null);
            Compare("switch", "ns CPU", rounds, file, Switches, args.Contains("--rows") ? "switch" : null);
        }
        finally
        {
            File.Delete(file);
        }

        return 0;
    }

    private static void Compare(string name, string unit, int rounds, string file, Func<double> measure, string? row)
    {
        // The first rounds are the JIT's.
        measure();
        Recording.Start(file);
        measure();
        Recording.Stop();
        double[] off = new double[rounds], on = new double[rounds];
        string last = "";
        for (int i = 0; i < rounds; i++)
        {
            off[i] = measure();
            Recording.Start(file);
            on[i] = measure();
            last = Recording.Stop();
        }

        double[] ratios = [.. on.Zip(off, (a, b) => a / b).Order()];
        if (row is not null)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row} {ratios[rounds / 2]:F4}"));
        }

        Console.WriteLine(
            $"{name,-15} off {Measure.Cell(Measure.Median(off))} {unit}, on {Measure.Cell(Measure.Median(on))} {unit}, ratio {ratios[rounds / 2]:F3} ({ratios[rounds / 4]:F3} to {ratios[rounds * 3 / 4]:F3}); last: {last.Replace(" in " + file, "", StringComparison.Ordinal)}");
    }

    // Four goroutines with a check in each round of their loop, and one that sleeps a millisecond at a time, which ends slices early.
    private static double Work()
    {
        bool stop = false;
        TimeSpan before = Environment.CpuUsage.TotalTime;
        Goroutine.Start(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
            }
        });
        CheckedWork.Run(Hogs, 25_000_000);
        Volatile.Write(ref stop, true);
        return (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
    }

    private static double Switches()
    {
        const int Each = 20_000;
        using CountdownEvent left = new(2);
        TimeSpan before = Environment.CpuUsage.TotalTime;
        for (int i = 0; i < 2; i++)
        {
            Goroutine.Start(() =>
            {
                for (int n = 0; n < Each; n++)
                {
                    Goroutine.Yield();
                }

                left.Signal();
            });
        }

        left.Wait();
        return (Environment.CpuUsage.TotalTime - before).TotalNanoseconds / (2 * Each);
    }
}
