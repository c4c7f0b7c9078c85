using System.Diagnostics;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

/// <summary>Goroutines that never leave by themselves (after Go's TestPreemption, TestPreemptionGC, TestGCFairness).</summary>
public class PreemptionTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public void Spin_TwoWaitForEachOther_BothEndOnOneP()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        int turn = 0;
        Gos.Run(Gos.Times(2, k =>
        {
            for (int i = 0; i < 5; i++)
            {
                while (Volatile.Read(ref turn) != (2 * i) + k)
                {
                    Gos.Check();
                }

                Volatile.Write(ref turn, (2 * i) + k + 1);
            }
        }));
    }

    [Fact]
    public void Spin_OnEveryP_CollectionsComplete()
    {
        using Gos.Procs two = Gos.WithProcs(2);
        bool stop = false;
        Gos.Run([.. Gos.Times(2, _ => SpinUntil(ref stop)), () =>
        {
            for (int i = 0; i < 10; i++)
            {
                GC.Collect();
                Goroutine.Yield();
            }

            Volatile.Write(ref stop, true);
        }]);
    }

    [Fact]
    public void Spin_Alone_IsNotPreempted()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        long preemptions = -1;
        long slices = 0;
        Gos.Run(() =>
        {
            // Twenty slices long, and nobody waits.
            long start = Environment.TickCount64;
            long ticksBefore = Scheduler.AllP[0].SchedTick;
            long before = M.Current!.CurG!.Preemptions;
            while (Environment.TickCount64 - start < 20 * Settings.SliceNs / 1_000_000)
            {
                Gos.Check();
            }

            preemptions = M.Current!.CurG!.Preemptions - before;
            slices = Scheduler.AllP[0].SchedTick - ticksBefore;
        });
        Assert.Equal(0, preemptions);
        Assert.Equal(0, slices);
    }

    [Fact]
    public void Spin_FourHogsOnOneP_TakeTurns()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        long[] slices = new long[4];
        bool stop = false;
        Gos.Run([.. Gos.Times(4, k =>
        {
            SpinUntil(ref stop);
            slices[k] = M.Current!.CurG!.Preemptions;
        }), () =>
        {
            for (int i = 0; i < 40; i++)
            {
                Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
            }

            Volatile.Write(ref stop, true);
        }]);

        // Round-robin; a goroutine whose P was taken during a collection may count one more.
        Assert.True(slices.Max() <= (slices.Min() * 1.25) + 2 && slices.Min() >= 5, string.Join(" ", slices));
    }

    [Fact]
    public void Sleep_BesideHogsOnOneP_RunsAtLeastOncePerRound()
    {
        // The sleeper waits for about one turn of each hog; counted in turns, so that a loaded machine does not matter.
        const int Sleeps = 30;
        using Gos.Procs one = Gos.WithProcs(1);
        bool stop = false;
        long turns = 0;
        Gos.Run([.. Gos.Times(4, _ => SpinUntil(ref stop)), () =>
        {
            uint before = Scheduler.AllP[0].SchedTick;
            for (int i = 0; i < Sleeps; i++)
            {
                Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
            }

            turns = Scheduler.AllP[0].SchedTick - before;

            Volatile.Write(ref stop, true);
        }]);
        Assert.InRange(turns / (double)Sleeps, 1, 8);
    }

    [Fact]
    public void Request_ToADeafGoroutine_LowersThePollWordUnanswered()
    {
        // The hog never checks, and no signal stops it in a region. Its mark stays and the word is raised for it again and again, but
        // others must not pay for it all the time: each time it is lowered without an answer.
        const int Times = 10;
        using Gos.Procs one = Gos.WithProcs(1);
        bool stop = false;
        ManualResetEventSlim running = new();
        Goroutine.Start(() =>
        {
            running.Set();
            NoPreempt.Enter();
            while (!Volatile.Read(ref stop))
            {
            }

            NoPreempt.Exit();
        });
        Assert.True(running.Wait(s_limit));
        ManualResetEventSlim waited = new(initialState: true);
        int lowered = 0;
        Stopwatch time = Stopwatch.StartNew();
        while (lowered < Times && time.Elapsed < s_limit)
        {
            // A collection or a newer compilation of the loop may have answered: native code loses its P.
            if (waited.IsSet)
            {
                waited.Reset();
                Goroutine.Start(waited.Set);
            }

            SpinWait.SpinUntil(() => Volatile.Read(ref StackGuard.Poll) != 0 || waited.IsSet, s_limit);
            SpinWait.SpinUntil(() => Volatile.Read(ref StackGuard.Poll) == 0 || waited.IsSet, s_limit);
            lowered += waited.IsSet ? 0 : 1;
        }

        string state = SchedTrace.Detail();
        Volatile.Write(ref stop, true);
        Assert.True(waited.Wait(s_limit), SchedTrace.Detail());
        Assert.True(lowered == Times, $"lowered {lowered} times; {state}");
    }

    [Fact]
    public void NoPreempt_Inside_ChecksDoNotStop()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        long stopsInside = -1;
        Gos.Run(() =>
        {
            G self = M.Current!.CurG!;
            bool otherRan = false;
            NoPreempt.Enter();
            Goroutine.Start(() => Volatile.Write(ref otherRan, true));
            long before = self.Preemptions;
            long end = Environment.TickCount64 + (5 * Settings.SliceNs / 1_000_000);
            while (Environment.TickCount64 < end)
            {
                Gos.Check();
            }

            stopsInside = self.Preemptions - before;
            NoPreempt.Exit();
            while (!Volatile.Read(ref otherRan))
            {
                Gos.Check();
            }
        });
        Assert.Equal(0, stopsInside);
    }

    [Fact]
    public void NoPreempt_LeftWithoutExit_HealsAboveTheFrame()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        Gos.Run(() =>
        {
            EnterAndForget(20);
            bool otherRan = false;
            Goroutine.Start(() => Volatile.Write(ref otherRan, true));
            while (!Volatile.Read(ref otherRan))
            {
                Gos.Check();
            }
        });
    }

    private static int EnterAndForget(int depth)
    {
        if (depth == 0)
        {
            NoPreempt.Enter();
            return 0;
        }

        return EnterAndForget(depth - 1) + 1;
    }

    private static void SpinUntil(ref bool stop)
    {
        while (!Volatile.Read(ref stop))
        {
            Gos.Check();
        }
    }
}
