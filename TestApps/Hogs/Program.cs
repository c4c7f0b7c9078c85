// Four goroutines that count in call-free loops and one that sleeps 1 ms at a time, for the given number of seconds.
// Prints the sleeper's wake-ups and largest gap in ms, then each hog's share in per mille of what they counted beside the sleeper.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using ILPreempt.Runtime;

class Program
{
    static readonly long[] s_counts = new long[4 * 16];
    static volatile bool s_stop;

    static int Main(string[] args)
    {
        double seconds = args.Length > 0 ? double.Parse(args[0], System.Globalization.CultureInfo.InvariantCulture) : 2;
        using CountdownEvent ended = new(5);
        for (int i = 0; i < 4; i++)
        {
            int k = i;
            Goroutine.Start(() => { Hog(ref s_counts[k * 16]); ended.Signal(); });
        }
        double largest = 0;
        int wakes = 0;
        long[] before = [];
        Goroutine.Start(() =>
        {
            before = [.. s_counts];
            Stopwatch all = Stopwatch.StartNew();
            TimeSpan last = all.Elapsed;
            while (last.TotalSeconds < seconds)
            {
                Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
                TimeSpan now = all.Elapsed;
                largest = Math.Max(largest, (now - last).TotalMilliseconds);
                last = now;
                wakes++;
            }
            s_stop = true;
            ended.Signal();
        });
        ended.Wait();
        long[] counted = [.. s_counts.Zip(before, (count, early) => count - early).Where((_, k) => k % 16 == 0)];
        Console.WriteLine($"wakes {wakes}");
        Console.WriteLine($"cpu {Environment.CpuUsage.TotalTime.TotalMilliseconds:F0} ms");
        Console.WriteLine($"largest gap {largest:F1} ms");
        Console.WriteLine($"shares {string.Join(" ", counted.Select(c => c * 1000 / counted.Sum()))}");
        return 0;
    }

    // Compiled once and for all: whoever is stopped before the optimized code is there goes on in a variant of its own, and where
    // that one lies in memory made it half as fast as the others'. The shares are to tell of the turns only.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static void Hog(ref long count)
    {
        while (!s_stop) { count++; }
    }
}
