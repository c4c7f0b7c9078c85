using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

public class StopTheWorldTests
{
    [Fact]
    public void MaxProcs_RacingCollectionsAndRespawning_DoesNotDeadlock()
    {
        // TestStopTheWorldDeadlock, with fewer rounds: a collection here is CoreCLR's.
        bool stop = false;
        void Respawn()
        {
            if (!Volatile.Read(ref stop))
            {
                Goroutine.Start(Respawn);
            }
        }

        using Gos.Procs three = Gos.WithProcs(3);
        Goroutine.Start(Respawn);
        Gos.Run(
            () =>
            {
                for (int i = 0; i < 100; i++)
                {
                    GC.Collect(0);
                }
            },
            () =>
            {
                for (int i = 0; i < 500; i++)
                {
                    Goroutine.MaxProcs(i % 2 == 0 ? 3 : 2);
                }
            });
        Volatile.Write(ref stop, true);
    }

    [Fact]
    public void StopTheWorld_WhileOthersSpin_NobodyRunsUntilStart()
    {
        using Gos.Procs three = Gos.WithProcs(3);
        bool stop = false;
        long ticks = 0;
        bool moved = false;
        Gos.Run([.. Gos.Times(4, _ =>
        {
            while (!Volatile.Read(ref stop))
            {
                Interlocked.Increment(ref ticks);
                Gos.Check();
            }
        }), () =>
        {
            for (int i = 0; i < 50; i++)
            {
                Scheduler.StopTheWorld();
                long before = Interlocked.Read(ref ticks);
                Thread.SpinWait(2000);

                // One round each: who comes back from native code (the JIT's, here) runs to its next check.
                moved |= Interlocked.Read(ref ticks) - before > 4;
                Scheduler.StartTheWorld();
                Goroutine.Yield();
            }

            Volatile.Write(ref stop, true);
        }]);
        Assert.False(moved, "a goroutine ran in a stopped world");
    }

    [Fact]
    public void StopTheWorld_FromManyAtOnce_EachGetsIt()
    {
        using Gos.Procs three = Gos.WithProcs(3);
        int inside = 0;
        int worst = 0;
        int times = 0;
        Gos.Run(Gos.Times(8, _ =>
        {
            for (int i = 0; i < 20; i++)
            {
                Scheduler.StopTheWorld();
                worst = Math.Max(worst, Interlocked.Increment(ref inside));
                times++;
                Interlocked.Decrement(ref inside);
                Scheduler.StartTheWorld();
            }
        }));
        Assert.Equal((1, 160), (worst, times));
    }

    [Fact]
    public void MaxProcs_LoweredWhileQueuesAreFull_LosesNobody()
    {
        int ran = 0;
        using Gos.Procs eight = Gos.WithProcs(8);
        Gos.Run([.. Gos.Times(2000, _ =>
        {
            Goroutine.Yield();
            Interlocked.Increment(ref ran);
        }), () =>
        {
            foreach (int n in (int[])[1, 8, 2, 5, 1, 3])
            {
                Goroutine.MaxProcs(n);
                Goroutine.Sleep(TimeSpan.FromMicroseconds(100));
            }
        }]);
        Assert.Equal(2000, ran);
    }

    [Fact]
    public void MaxProcs_Thousand24_Starts()
    {
        using Gos.Procs many = Gos.WithProcs(1024);
        int ran = 0;
        Gos.Run(Gos.Times(100, _ => Interlocked.Increment(ref ran)));
        Assert.Equal(100, ran);
        Assert.Equal(1024, Goroutine.MaxProcs());
    }
}
