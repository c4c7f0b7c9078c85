using ILPreempt.Runtime.Scheduling;
using Xunit;

namespace ILPreempt.Runtime.Tests.Queues;

/// <summary>After Go's TestSchedLocalQueue, TestSchedLocalQueueSteal and TestSchedLocalQueueEmpty.</summary>
public class LocalRunQueueTests
{
    private readonly GlobalRunQueue _overflow = new();

    [Fact]
    public void PutGet_EveryFillLevel_FirstInFirstOut()
    {
        LocalRunQueue queue = new();
        G[] gs = Make((int)LocalRunQueue.Capacity);
        for (int fill = 0; fill < gs.Length; fill++)
        {
            Assert.Null(queue.Get(out _));
            for (int i = 0; i < fill; i++)
            {
                queue.Put(gs[i], next: false, _overflow);
            }

            for (int i = 0; i < fill; i++)
            {
                Assert.Same(gs[i], queue.Get(out bool inherit));
                Assert.False(inherit);
            }
        }

        Assert.Equal(0, _overflow.Count);
    }

    [Fact]
    public void PutNext_TwoInARow_LastRunsFirstAndInheritsTheSlice()
    {
        LocalRunQueue queue = new();
        G[] gs = Make(3);
        queue.Put(gs[0], next: false, _overflow);
        queue.Put(gs[1], next: true, _overflow);
        queue.Put(gs[2], next: true, _overflow);

        Assert.Same(gs[2], queue.Get(out bool inherit));
        Assert.True(inherit);
        Assert.Same(gs[0], queue.Get(out inherit));
        Assert.False(inherit);
        Assert.Same(gs[1], queue.Get(out _));
    }

    [Fact]
    public void Put_FullRing_MovesTheOlderHalfAndTheNewOneToTheGlobalQueue()
    {
        LocalRunQueue queue = new();
        G[] gs = Make((int)LocalRunQueue.Capacity + 1);
        foreach (G g in gs)
        {
            queue.Put(g, next: false, _overflow);
        }

        Assert.Equal((int)LocalRunQueue.Capacity / 2, queue.Count);
        Assert.Equal(((int)LocalRunQueue.Capacity / 2) + 1, _overflow.Count);
        Assert.Same(gs[LocalRunQueue.Capacity / 2], queue.Get(out _));
    }

    [Fact]
    public void Steal_EveryFillLevel_TakesHalfAndEachExactlyOnce()
    {
        G[] gs = Make((int)LocalRunQueue.Capacity);
        for (int fill = 0; fill < gs.Length; fill++)
        {
            LocalRunQueue victim = new();
            LocalRunQueue thief = new();
            Dictionary<G, int> seen = [];
            for (int i = 0; i < fill; i++)
            {
                victim.Put(gs[i], next: false, _overflow);
            }

            int stolen = 0;
            if (victim.StealInto(thief, stealRunNext: false, victimRuns: false) is G first)
            {
                stolen++;
                seen[first] = 1;
            }

            while (thief.Get(out _) is G g)
            {
                stolen++;
                seen[g] = seen.GetValueOrDefault(g) + 1;
            }

            while (victim.Get(out _) is G g)
            {
                seen[g] = seen.GetValueOrDefault(g) + 1;
            }

            Assert.InRange(stolen, fill / 2, (fill / 2) + 1);
            Assert.Equal(fill, seen.Count);
            Assert.All(seen.Values, n => Assert.Equal(1, n));
        }
    }

    [Fact]
    public void Steal_OnlyRunNextLeft_TakenOnlyWhenAllowed()
    {
        LocalRunQueue victim = new();
        LocalRunQueue thief = new();
        G g = Make(1)[0];
        victim.Put(g, next: true, _overflow);

        Assert.Null(victim.StealInto(thief, stealRunNext: false, victimRuns: false));
        Assert.Same(g, victim.StealInto(thief, stealRunNext: true, victimRuns: true));
        Assert.True(victim.IsEmpty);
    }

    [Fact]
    public void Steal_WhileTheOwnerPutsAndGets_EachExactlyOnce()
    {
        LocalRunQueue victim = new();
        G[] gs = Make(200_000);
        int[] seen = new int[gs.Length + 10];
        bool done = false;
        Thread[] thieves = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            LocalRunQueue mine = new();
            while (!Volatile.Read(ref done) || !victim.IsEmpty)
            {
                G? g = victim.StealInto(mine, stealRunNext: true, victimRuns: false);
                for (; g != null; g = mine.Get(out bool _))
                {
                    Interlocked.Increment(ref seen[g.Id]);
                }
            }
        }))];
        foreach (Thread t in thieves)
        {
            t.Start();
        }

        for (int i = 0; i < gs.Length; i++)
        {
            victim.Put(gs[i], next: i % 3 == 0, _overflow);
            if (i % 5 == 0 && victim.Get(out _) is G g)
            {
                Interlocked.Increment(ref seen[g.Id]);
            }
        }

        while (victim.Get(out _) is G g)
        {
            Interlocked.Increment(ref seen[g.Id]);
        }

        Volatile.Write(ref done, true);
        foreach (Thread t in thieves)
        {
            Assert.True(t.Join(TimeSpan.FromSeconds(30)), "thief hangs");
        }

        _overflow.Lock.Lock();
        while (_overflow.Get_NeedsLock(null, 1, 1) is G g)
        {
            seen[g.Id]++;
        }

        _overflow.Lock.Unlock();
        Assert.All(gs, g => Assert.Equal(1, seen[g.Id]));
    }

    /// <summary>The threads go at their own pace: in step, each round would cost a time slice on a busy machine.</summary>
    [Fact]
    public void IsEmpty_WhileOneMovesOutOfRunNext_NeverFalselyTrue()
    {
        const int Rounds = 10_000_000;
        LocalRunQueue queue = new(), other = new();
        G[] gs = Make(2);
        int falselyEmpty = 0, ended = 0;
        queue.Put(gs[0], next: true, _overflow);
        Thread watcher = new(() =>
        {
            for (int i = 0; i < Rounds || Volatile.Read(ref ended) == 0; i++)
            {
                if (queue.IsEmpty)
                {
                    falselyEmpty++;
                }
            }
        });
        watcher.Start();
        for (int i = 0; i < Rounds; i++)
        {
            // At least one is in the queue at any time. The second kicks the first out of runnext, leaves runnext empty
            // itself, comes back, and is alone there again when the first is stolen.
            queue.Put(gs[1], next: true, _overflow);
            Assert.Same(gs[1], queue.Get(out _));
            queue.Put(gs[1], next: true, _overflow);
            Assert.Same(gs[0], queue.StealInto(other, stealRunNext: false, victimRuns: false));
            (gs[0], gs[1]) = (gs[1], gs[0]);
        }

        Volatile.Write(ref ended, 1);
        Assert.True(watcher.Join(TimeSpan.FromSeconds(60)), "watcher hangs");
        Assert.Equal(0, falselyEmpty);
    }

    [Fact]
    public void GlobalGet_ManyWaiting_TakesAFairShareBoundedByHalfARing()
    {
        GlobalRunQueue global = new();
        G[] gs = Make(1000);
        P p = new(0);
        global.Lock.Lock();
        foreach (G g in gs)
        {
            global.Put_NeedsLock(g);
        }

        Assert.Same(gs[0], global.Get_NeedsLock(p, procs: 10, max: 0));
        Assert.Equal(100, p.RunQueue.Count);
        Assert.Equal(899, global.Count);
        Assert.Same(gs[101], global.Get_NeedsLock(p, procs: 1, max: 1));
        Assert.Equal(898, global.Count);
        P other = new(1);
        global.Get_NeedsLock(other, procs: 1, max: 0);
        Assert.Equal(127, other.RunQueue.Count);
        global.Lock.Unlock();
    }

    private static G[] Make(int n) => [.. Enumerable.Range(0, n).Select(i => new G(i, 0, null))];
}
