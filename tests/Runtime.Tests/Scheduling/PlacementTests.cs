using System.Runtime.InteropServices;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

/// <summary>Which CPUs a goroutine's thread may use, as its code sees it after it was stopped and resumed many times.</summary>
public sealed unsafe partial class PlacementTests
{
    private const int Hogs = 6;
    private const int Stops = 20;

    [Fact]
    public void Hogs_StoppedAndResumed_MayUseAllCpusAgain()
    {
        ulong all = Allowed();
        int narrow = 0;
        RunHogs(_ =>
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
        int elsewhere = 0;
        ulong meanwhile = 0, after = 0;
        G? parked = null;
        M? its = null;
        long steered = 0;
        Gos.Run(
            () =>
            {
                its = M.Current;
                Scheduler.GoPark((g, _) => { Volatile.Write(ref parked, g); return true; }, null, WaitReason.ChanReceive);
                after = Allowed();
            },
            () =>
            {
                while (Volatile.Read(ref parked) is not { Status: GStatus.Waiting })
                {
                    Gos.Check();
                }

                elsewhere = its!.Slot->Cpu == 0 ? 1 : 0;
                long before = CpuPlacement.Steered;
                CpuPlacement.Steer(its, elsewhere);
                steered = CpuPlacement.Steered - before;
                meanwhile = Allowed(its.Tid);
                Scheduler.GoReady(parked!);
            });
        Assert.Equal(all, after);
        if (Environment.ProcessorCount > 1)
        {
            Assert.Equal((1L, 1UL << elsewhere), (steered, meanwhile));
        }
    }

    [Fact]
    public void Hog_RestrictedByItself_StaysRestricted()
    {
        ulong all = Allowed();
        int widened = 0;
        RunHogs(me =>
        {
            if (me != 0)
            {
                return;
            }

            if (Allowed() == all && M.Current!.CurG!.Preemptions == 0)
            {
                Allow(1);
            }
            else if (Allowed() != 1 && all != 1)
            {
                widened++;
            }
        }, end: me =>
        {
            if (me == 0)
            {
                Allow(all); // the thread serves others after this
            }
        });
        Assert.Equal(0, widened);
    }

    /// <summary>They compute until each of them was stopped so many times, and look after every stop.</summary>
    private static void RunHogs(Action<int> look, Action<int>? end = null)
    {
        int enough = 0;
        Gos.Run(Gos.Times(Hogs, me =>
        {
            look(me);
            for (long seen = 0; Volatile.Read(ref enough) < Hogs; Gos.Check())
            {
                long stops = M.Current!.CurG!.Preemptions;
                if (stops == seen)
                {
                    continue;
                }

                look(me);
                if (seen < Stops && stops >= Stops)
                {
                    Interlocked.Increment(ref enough);
                }

                seen = stops;
            }

            end?.Invoke(me);
        }));
    }

    /// <summary>The first 64 CPUs of those that the calling thread may use.</summary>
    private static ulong Allowed(int tid = 0)
    {
        ulong* mask = stackalloc ulong[16];
        Assert.True(GetAffinity(tid, 128, mask) >= 0);
        return mask[0];
    }

    private static void Allow(ulong cpus)
    {
        ulong* mask = stackalloc ulong[16];
        mask[0] = cpus;
        Assert.Equal(0, SetAffinity(0, 128, mask));
    }

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int GetAffinity(int tid, nint size, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int tid, nint size, ulong* mask);
}
