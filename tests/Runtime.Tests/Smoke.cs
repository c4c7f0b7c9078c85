using ILPreempt.Runtime.Scheduling;
using Xunit;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace ILPreempt.Runtime.Tests;

public class Smoke
{
    [Fact]
    public void Start_TenThousandShort_AllRun()
    {
        int n = 0;
        using CountdownEvent done = new(10000);
        for (int i = 0; i < 10000; i++)
        {
            Goroutine.Start(() => { Interlocked.Increment(ref n); done.Signal(); });
        }

        Assert.True(done.Wait(TimeSpan.FromSeconds(30)), SchedTrace.Detail());
        Assert.Equal(10000, n);
    }

    [Fact]
    public void Sleep_ManyGoroutines_AllWake()
    {
        using CountdownEvent done = new(100);
        for (int i = 0; i < 100; i++)
        {
            int k = i;
            Goroutine.Start(() =>
            {
                for (int j = 0; j < 20; j++)
                {
                    Goroutine.Sleep(TimeSpan.FromMilliseconds(1 + (k % 3)));
                }

                done.Signal();
            });
        }

        Assert.True(done.Wait(TimeSpan.FromSeconds(30)), SchedTrace.Detail());
    }

    [Fact]
    public void Hogs_WithSleeper_SleeperRuns()
    {
        int before = Goroutine.MaxProcs(1);
        bool stop = false;
        long[] counts = new long[4];
        using CountdownEvent done = new(5);
        for (int i = 0; i < 4; i++)
        {
            int k = i;
            Goroutine.Start(() =>
            {
                while (!Volatile.Read(ref stop))
                {
                    counts[k]++;
                    if (Volatile.Read(ref StackGuard.Poll) != 0)
                    {
                        StackGuard.MoreStack();
                    }
                }

                done.Signal();
            });
        }

        int wakes = 0;
        long worst = 0;
        Goroutine.Start(() =>
        {
            long end = Environment.TickCount64 + 2000;
            long last = System.Diagnostics.Stopwatch.GetTimestamp();
            while (Environment.TickCount64 < end)
            {
                Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
                long now = System.Diagnostics.Stopwatch.GetTimestamp();
                worst = Math.Max(worst, now - last);
                last = now;
                wakes++;
            }

            stop = true;
            done.Signal();
        });
        Assert.True(done.Wait(TimeSpan.FromSeconds(30)), SchedTrace.Detail());
        Goroutine.MaxProcs(before);
        Console.WriteLine($"wakes {wakes} worst {worst / 1000000.0} ms; shares {string.Join(" ", counts)} preempts {Scheduler.PreemptionsByCheck} rounds {SysMon.Rounds}");
    }
}
