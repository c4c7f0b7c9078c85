using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

/// <summary>Ps do not idle behind blocked threads: announced system calls, unannounced ones, adopted threads.</summary>
public class BlockingTests
{
    [Fact]
    public void Syscalls_OnlyShortOnes_AllStartAndEndOnTwoPs()
    {
        // TestPreemptionAfterSyscall: 8 goroutines on 2 Ps that do nothing but short system calls.
        using Gos.Procs two = Gos.WithProcs(2);
        foreach (int loops in (int[])[10, 100, 1000])
        {
            bool stop = false;
            CountdownEvent started = new(8);
            Thread stopper = new(() =>
            {
                started.Wait(TimeSpan.FromSeconds(30));
                Volatile.Write(ref stop, true);
            });
            stopper.Start();
            Gos.Run(Gos.Times(8, _ =>
            {
                started.Signal();
                while (!Volatile.Read(ref stop))
                {
                    Scheduler.EnterSyscall();
                    Thread.SpinWait(loops);
                    Scheduler.ExitSyscall();
                    Gos.Check();
                }
            }));
            stopper.Join();
        }
    }

    [Fact]
    public void EnterSyscallBlock_OnTheOnlyP_OthersRunMeanwhile()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        ManualResetEventSlim gate = new();
        Gos.Run(
            () =>
            {
                Scheduler.EnterSyscallBlock();
                gate.Wait(TimeSpan.FromSeconds(30));
                Scheduler.ExitSyscall();
            },
            gate.Set);
        Assert.True(gate.IsSet);
    }

    [Fact]
    public void Retake_UnannouncedBlockOnTheOnlyP_OthersRunMeanwhile()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        ManualResetEventSlim gate = new();
        bool opened = false;
        Gos.Run(
            () => opened = gate.Wait(TimeSpan.FromSeconds(30)),
            gate.Set);
        Assert.True(opened, "the goroutine that opens the gate got no P");
    }

    [Fact]
    public void Monitor_HeldByAPreemptedGoroutine_WaiterDoesNotKeepTheP()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        object gate = new();
        int inside = 0;
        int worst = 0;
        Gos.Run(Gos.Times(4, _ =>
        {
            for (int i = 0; i < 10; i++)
            {
                lock (gate)
                {
                    worst = Math.Max(worst, ++inside);

                    // Long enough to lose the P while holding the lock.
                    Goroutine.Yield();
                    inside--;
                }
            }
        }));
        Assert.Equal(1, worst);
    }

    [Fact]
    public void Retake_ManyBlockAndReturn_EachRegainsAP()
    {
        using Gos.Procs two = Gos.WithProcs(2);
        long retakes = SysMon.Retakes;
        Gos.Run(Gos.Times(12, k =>
        {
            for (int i = 0; i < 20; i++)
            {
                Thread.Sleep(k % 3);
                for (int j = 0; j < 1000; j++)
                {
                    Gos.Check();
                }

                Goroutine.Yield();
                Assert.Equal(GStatus.Running, M.Current!.CurG!.Status);
            }
        }));
        Assert.True(SysMon.Retakes > retakes, "no P was retaken");
        Assert.Equal(0, Volatile.Read(ref Scheduler.LostCount));
    }

    [Fact]
    public void ForeignThreads_SleepThroughTheApi_AreAdoptedAndGivenBack()
    {
        int before = AllMs.Count;
        Thread[] threads = [.. Enumerable.Range(0, 20).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                Goroutine.Sleep(TimeSpan.FromMicroseconds(200));
            }

            Assert.Equal(0, Goroutine.CurrentId);
        }))];
        foreach (Thread t in threads)
        {
            t.Start();
        }

        Assert.All(threads, t => Assert.True(t.Join(TimeSpan.FromSeconds(30)), SchedTrace.Detail()));
        Assert.DoesNotContain(AllGs.Snapshot(), g => g.IsForeign);
        Assert.InRange(AllMs.Count, 1, before + 10);
    }

    [Fact]
    public void ForeignThreads_DuringCollections_AreAdoptedAndGivenBack() => Gos.Run([.. Gos.Times(4, _ =>
    {
        for (int i = 0; i < 20; i++)
        {
            Thread t = new(() => Goroutine.Sleep(TimeSpan.FromMicroseconds(10)));
            t.Start();
            t.Join();
        }
    }), () =>
    {
        for (int i = 0; i < 20; i++)
        {
            GC.Collect(0);
            Goroutine.Yield();
        }
    }]);
}
