using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

/// <summary>Goroutines without checks on one processor (Go: TestAsyncPreempt). These loops end only if a signal stops them.</summary>
public class SignalTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Fact]
    public void Loops_WithoutChecks_TakeTurns()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        int[] arrived = new int[3 * 16];
        Gos.Run(Gos.Times(3, i =>
        {
            Volatile.Write(ref arrived[i * 16], 1);
            SpinUntil(ref arrived[(i + 1) % 3 * 16], 1);
        }));
    }

    [Fact]
    public void Signal_InsideANoPreemptRegion_StopsNobodyBeforeItsEnd()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        int other = 0;
        int atTheEnd = -1;
        Gos.Run(
            () =>
            {
                Goroutine.Start(() => Volatile.Write(ref other, 1));
                NoPreempt.Enter();
                long refused = Refusals(AsyncRefusal.NoPreempt);
                while (Refusals(AsyncRefusal.NoPreempt) == refused)
                {
                }

                atTheEnd = Volatile.Read(ref other);
                NoPreempt.Exit();
                SpinUntil(ref other, 1);
            });
        Assert.Equal(0, atTheEnd);
    }

    [Fact]
    public void Collection_WhileGoroutinesAreParked_LetsThemGoAndTheyParkAgainUnasked()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        int stop = 0;
        M?[] all = new M?[3];
        Action[] loops = Gos.Times(3, i =>
        {
            Volatile.Write(ref all[i], M.Current);
            SpinUntil(ref stop, 1);
        });
        Gos.Run(
        [
            () =>
            {
                // A thread of its own, which is no goroutine, collects and looks.
                Thread collector = new(() =>
                {
                    for (int i = 0; i < 20; i++)
                    {
                        SpinWait.SpinUntil(() => all.Count(IsParked) == 2, s_limit);
                        long released = all.Sum(Released);
                        GC.Collect(0);
                        SpinWait.SpinUntil(() => all.Sum(Released) > released, s_limit);
                    }

                    Volatile.Write(ref stop, 1);
                });
                collector.Start();
                collector.Join();
            },
            .. loops,
        ]);
        Assert.True(all.Sum(Released) >= 20, $"released {all.Sum(Released)} times in 20 collections");
        Assert.True(all.Sum(Unasked) * 2 > all.Sum(Released), $"released {all.Sum(Released)} times, and parked again {all.Sum(Unasked)} times");
    }

    /// <summary>
    /// A goroutine that blocks passes its P on before it waits, and makes a new thread for that where there is none: stopped meanwhile it
    /// would keep the only P for ever. So no signal can stop it then.
    /// </summary>
    [Fact]
    public unsafe void Goroutine_ThatPassesItsPOn_IsNotStoppedMeanwhile()
    {
        const int Threads = 100;
        const int Most = 5_000;
        using Gos.Procs one = Gos.WithProcs(1);
        using ManualResetEventSlim gate = new();
        int made = 0;
        int holding = 0;
        Scheduler.MadeThread = () =>
        {
            // The new thread may make the next one before this one is through here.
            if (M.Current is { CurG.LostP: true } maker)
            {
                Interlocked.Increment(ref made);
                Interlocked.Add(ref holding, maker.Slot->Locks != 0 ? 1 : 0);
            }
        };
        try
        {
            // As many as it takes: the first ones use the Ms that other tests have left idle.
            Gos.Run(() =>
            {
                using CountdownEvent ended = new(1);
                int started = 0;
                Start();
                Blocking.Enter((int)WaitReason.SemAcquire);
                Assert.True(ended.Wait(s_limit));
                Blocking.Exit();

                void Start()
                {
                    if (Volatile.Read(ref made) >= Threads || ++started > Most)
                    {
                        gate.Set();
                        ended.Signal();
                        return;
                    }

                    ended.AddCount();
                    Goroutine.Start(() =>
                    {
                        Start();
                        Blocking.Enter((int)WaitReason.SemAcquire);
                        gate.Wait(s_limit);
                        Blocking.Exit();
                        ended.Signal();
                    });
                }
            });
        }
        finally
        {
            Scheduler.MadeThread = null;
        }

        Assert.True(made >= Threads, $"{made} threads");
        Assert.Equal(made, holding);
    }

    [Fact]
    public void StopTheWorld_BesideALoopWithoutChecks_Returns()
    {
        using Gos.Procs two = Gos.WithProcs(2);
        int stop = 0;
        Gos.Run(
            () => SpinUntil(ref stop, 1),
            () =>
            {
                for (int i = 0; i < 10; i++)
                {
                    Scheduler.StopTheWorld();
                    Scheduler.StartTheWorld();
                }

                Volatile.Write(ref stop, 1);
            });
    }

    [Fact]
    public void Goroutine_BackFromNativeCodeWithoutItsP_IsQueuedAgain()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        int step = 0;
        Gos.Run(
            () =>
            {
                // The other loop gets the P that this one loses in the sleep; afterwards both have to share it.
                Thread.Sleep(20);
                Volatile.Write(ref step, 1);
                SpinUntil(ref step, 2);
            },
            () =>
            {
                SpinUntil(ref step, 1);
                Volatile.Write(ref step, 2);
            });

        // The last one may still be on its way out.
        Assert.True(
            SpinWait.SpinUntil(() => Volatile.Read(ref Scheduler.LostCount) == 0 && Volatile.Read(ref Scheduler.StoppedCount) == 0, s_limit),
            SchedTrace.Detail());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void SpinUntil(ref int word, int value)
    {
        while (Volatile.Read(ref word) < value)
        {
        }
    }

    private static unsafe long Refusals(AsyncRefusal reason) => Volatile.Read(ref M.Current!.Slot->Refused[(int)reason]);

    private static unsafe long Released(M? m) => m == null ? 0 : Volatile.Read(ref m.Slot->Released);

    private static unsafe long Unasked(M? m) => m == null ? 0 : Volatile.Read(ref m.Slot->Unasked);

    private static unsafe bool IsParked(M? m) => m != null && Volatile.Read(ref m.Slot->Handler) == (int)HandlerState.Parked;
}
