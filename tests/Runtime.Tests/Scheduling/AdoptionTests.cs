using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

/// <summary>Threads that the scheduler does not own become goroutines when they compute, and stop being ones.</summary>
public class AdoptionTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    public AdoptionTests() => Scheduler.EnsureStarted();

    [Fact]
    public async Task PoolWorker_InALongItem_IsAdoptedAndLeavesThePool()
    {
        (bool adopted, int away) = await Task.Run(() =>
        {
            bool adopted = ComputeUntil(() => M.Current != null);
            return (adopted, Volatile.Read(ref PoolWorker.Away));
        });
        Assert.True(adopted);
        Assert.True(away >= 1);
    }

    [Fact]
    public async Task PoolWorkers_AfterTheirItems_StopBeingGoroutinesAndReturn()
    {
        long before = Volatile.Read(ref Adoption.Adoptions);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => ComputeUntil(IsAdoptedForThisItem))));
        Assert.True(Volatile.Read(ref Adoption.Adoptions) - before >= 6);

        // The thread that computes here makes the process busy, so that ticks go on; it is a goroutine itself at the end.
        Thread busy = new(() => ComputeUntil(() => Volatile.Read(ref Adoption.Count) <= 1 && Volatile.Read(ref PoolWorker.Away) == 0));
        busy.Start();
        Assert.True(busy.Join(s_limit), $"{Adoption.Count} adopted, {PoolWorker.Away} away\n{SchedTrace.Detail()}");
        Assert.Equal(0, PoolWorker.Away);
    }

    [Fact]
    public async Task ShortItems_OnABusyWorker_AreNotAdopted()
    {
        // Each item is far shorter than a tick; thousands of them fill many.
        long adopted = 0;
        for (int i = 0; i < 20_000; i++)
        {
            await Task.Run(() =>
            {
                for (int k = 0; k < 100; k++)
                {
                    Gos.Check();
                }

                if (IsAdoptedForThisItem())
                {
                    Interlocked.Increment(ref adopted);
                }
            });
        }

        // One may be held up by the machine for as long as a slice.
        Assert.True(adopted <= 20, $"{adopted} of 20000");
    }

    [Fact]
    public void Thread_ThatComputes_IsAdoptedAndItsGoroutineEndsWithIt()
    {
        bool adopted = false;
        M? m = null;
        (int ticks, int finds, long rounds) = (Volatile.Read(ref Adoption.Tick), Volatile.Read(ref Adoption.Finds), Volatile.Read(ref SysMon.Rounds));
        Thread thread = new(() =>
        {
            adopted = ComputeUntil(() => M.Current != null);
            m = M.Current;
        });
        thread.Start();
        Assert.True(thread.Join(2 * s_limit));
        Assert.True(
            adopted,
            $"{Adoption.Tick - ticks} ticks, {Adoption.Finds - finds} finds, {SysMon.Rounds - rounds} rounds, busy {AdoptionTick.IsBusy}, poll {StackGuard.Poll}\n{SchedTrace.Detail()}");
        Thread busy = new(() => ComputeUntil(() => m!.Dead));
        busy.Start();
        Assert.True(busy.Join(s_limit), SchedTrace.Detail());
        Assert.Equal(GStatus.Dead, m!.CurG!.Status);
    }

    [Fact]
    public void Thread_InANoPreemptRegion_IsNotAdopted()
    {
        bool inside = true;
        int ticks = 0;
        Thread thread = new(() =>
        {
            NoPreempt.Enter();
            int first = Volatile.Read(ref Adoption.Tick);
            ComputeUntil(() => (ticks = Volatile.Read(ref Adoption.Tick) - first) > 5);
            inside = M.Current == null;
            NoPreempt.Exit();
        });
        thread.Start();
        Assert.True(thread.Join(s_limit));
        Assert.True(ticks > 5);
        Assert.True(inside);
    }

    [Fact]
    public void Blocking_ThatRunsOtherCode_GetsItsPBackAtACheck()
    {
        // As Task.Wait does when it runs the task inline: code of the program between Enter and Exit, which blocks itself.
        string log = "";
        Gos.Run(() =>
        {
            G g = M.Current!.CurG!;
            Blocking.Enter((int)WaitReason.TaskWait);
            log += $"{g.Status} {g.WaitReason.Text()};";
            Blocking.Enter((int)WaitReason.Sleep);
            Blocking.Exit();
            log += $"{g.Status};";
            Blocking.Exit();
            log += $"{g.Status}";
        });
        Assert.Equal("Syscall task wait;Running;Running", log);
    }

    [Fact]
    public void Goroutine_ThatWaitsForALock_SaysSo()
    {
        using Gos.Procs procs = Gos.WithProcs(1);
        object gate = new();
        bool held = false;
        G? waiter = null;
        Gos.Run(
            () =>
            {
                lock (gate)
                {
                    Volatile.Write(ref held, true);
                    Assert.True(ComputeUntil(() => Volatile.Read(ref waiter) is { Status: GStatus.Syscall, WaitReason: WaitReason.MonitorEnter }));
                }
            },
            () =>
            {
                ComputeUntil(() => Volatile.Read(ref held));
                Volatile.Write(ref waiter, M.Current!.CurG);
                lock (gate)
                {
                    held = false;
                }
            });
    }

    [Fact]
    public void Blocking_LeftByAnException_GetsItsPBackAtACheck()
    {
        Gos.Run(() =>
        {
            G g = M.Current!.CurG!;
            Blocking.Enter((int)WaitReason.TaskWait);
            Assert.True(ComputeUntil(() => g.Status == GStatus.Running));
        });
    }

    // A worker may still be the goroutine of its item before.
    private static bool IsAdoptedForThisItem() =>
        M.Current is { Adopted: true, Counter: { } counter } m && PoolWorker.Completed(counter) == m.Completed;

    private static bool ComputeUntil(Func<bool> done)
    {
        long until = Environment.TickCount64 + (long)s_limit.TotalMilliseconds;
        while (!done())
        {
            if (Environment.TickCount64 > until)
            {
                return false;
            }

            Gos.Check();
        }

        return true;
    }
}
