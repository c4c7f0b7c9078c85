using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

/// <summary>Which CPUs a goroutine's thread may use, as its code sees it after it was stopped and resumed many times.</summary>
public sealed unsafe class PlacementTests
{
    private const int Hogs = 6;
    private const int Stops = 20;

    [Fact]
    public void Hogs_StoppedAndResumed_MayUseAllCpusAgain()
    {
        ulong all = Allowed();
        int narrow = 0;
        RunHogs(() =>
        {
            if (Allowed() != all)
            {
                Interlocked.Increment(ref narrow);
            }
        });
        Assert.Equal(0, narrow);
    }

    [Fact]
    public void Steer_AParkedThread_MayUseAllCpusWhenItIsAwake()
    {
        ulong all = Allowed();
        (bool steered, ulong meanwhile, ulong after, int cpu) = SteerWhileParked(before: () => { });
        Assert.Equal(all, after);
        if (Environment.ProcessorCount > 1)
        {
            Assert.Equal((true, 1UL << cpu), (steered, meanwhile));
        }
    }

    [Fact]
    public void Steer_AThreadThatRestrictedItself_IsLeftAlone()
    {
        ulong all = Allowed();
        (bool steered, ulong meanwhile, ulong after, _) = SteerWhileParked(before: () => Allow(1), end: () => Allow(all));
        Assert.Equal((1UL, 1UL), (meanwhile, after));
        Assert.False(steered && all != 1);
    }

    /// <summary>A goroutine parks, another steers its thread and readies it. What the thread may use in between and after, and where it was sent.</summary>
    private static (bool Steered, ulong Meanwhile, ulong After, int Cpu) SteerWhileParked(Action before, Action? end = null)
    {
        int cpu = 0;
        ulong meanwhile = 0, after = 0;
        G? parked = null;
        M? its = null;
        bool steered = false;
        Gos.Run(
            () =>
            {
                before();
                its = M.Current;
                Scheduler.GoPark((g, _) => { Volatile.Write(ref parked, g); return true; }, null, WaitReason.ChanReceive);
                after = Allowed();
                end?.Invoke(); // the thread serves others after this
            },
            () =>
            {
                while (Volatile.Read(ref parked) is not { Status: GStatus.Waiting })
                {
                    Gos.Check();
                }

                cpu = its!.Slot->Cpu == 0 ? 1 : 0;
                steered = CpuPlacement.Steer(its, cpu);
                meanwhile = Allowed(its.Tid);
                Scheduler.GoReady(parked!);
            });
        return (steered, meanwhile, after, cpu);
    }

    /// <summary>They compute until each of them was stopped so many times, and look after every stop.</summary>
    private static void RunHogs(Action look)
    {
        int enough = 0;
        Gos.Run(Gos.Times(Hogs, _ =>
        {
            look();
            for (long seen = 0; Volatile.Read(ref enough) < Hogs; Gos.Check())
            {
                long stops = M.Current!.CurG!.Preemptions;
                if (stops == seen)
                {
                    continue;
                }

                look();
                if (seen < Stops && stops >= Stops)
                {
                    Interlocked.Increment(ref enough);
                }

                seen = stops;
            }
        }));
    }

    /// <summary>The first 64 CPUs of those that the calling thread may use.</summary>
    private static ulong Allowed(int tid = 0)
    {
        ulong* mask = stackalloc ulong[16];
        Assert.True(Libc.SchedGetAffinity(tid, 128, mask) >= 0);
        return mask[0];
    }

    private static void Allow(ulong cpus)
    {
        ulong* mask = stackalloc ulong[16];
        mask[0] = cpus;
        Assert.Equal(0, Libc.SchedSetAffinity(0, 128, mask));
    }
}
