// Four goroutines that count in call-free loops and one that sleeps 1 ms at a time, for the given number of seconds.
// Prints the sleeper's wake-ups and largest gap in ms, then each hog's share of all counts in per mille.
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
        Goroutine.Start(() =>
        {
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
        long total = s_counts.Sum();
        Console.WriteLine($"wakes {wakes}");
        Console.WriteLine($"cpu {Environment.CpuUsage.TotalTime.TotalMilliseconds:F0} ms");
        Console.WriteLine($"largest gap {largest:F1} ms");
        Console.WriteLine($"shares {string.Join(" ", s_counts.Where(c => c > 0).Select(c => c * 1000 / total))}");
        return 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Hog(ref long count)
    {
        while (!s_stop) { count++; }
    }
}
