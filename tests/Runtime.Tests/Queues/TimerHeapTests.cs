using ILPreempt.Runtime.Scheduling;
using Xunit;

namespace ILPreempt.Runtime.Tests.Queues;

public class TimerHeapTests
{
    [Fact]
    public void RunDue_RandomOrderOfAdding_RunsInOrderOfTime()
    {
        TimerHeap heap = new();
        List<long> ran = [];
        Random random = new(7);
        long[] times = [.. Enumerable.Range(1, 500).Select(_ => random.NextInt64(1, 1000))];
        foreach (long when in times)
        {
            heap.Add(new SchedTimer(o => ran.Add((long)o), when), when);
        }

        Assert.Equal(times.Min(), heap.Earliest);
        heap.RunDue(500);
        Assert.Equal(times.Where(t => t <= 500).Order(), ran);
        heap.RunDue(1000);
        Assert.Equal(times.Order(), ran);
        Assert.Equal(0, heap.Earliest);
    }

    [Fact]
    public void Remove_FromAnywhere_KeepsTheRestInOrder()
    {
        TimerHeap heap = new();
        List<long> ran = [];
        Random random = new(11);
        List<SchedTimer> timers = [];
        for (int i = 0; i < 300; i++)
        {
            long when = random.NextInt64(1, 100_000);
            SchedTimer timer = new(o => ran.Add((long)o), when);
            heap.Add(timer, when);
            timers.Add(timer);
        }

        List<SchedTimer> removed = [.. timers.Where(_ => random.Next(3) == 0)];
        Assert.All(removed, t => Assert.True(heap.Remove(t)));
        Assert.All(removed, t => Assert.False(heap.Remove(t)));
        heap.RunDue(long.MaxValue - 1);
        Assert.Equal(timers.Except(removed).Select(t => t.When).Order(), ran);
    }

    [Fact]
    public void MoveTo_AnotherHeap_MovesAll()
    {
        TimerHeap from = new();
        TimerHeap to = new();
        for (int i = 1; i <= 40; i++)
        {
            from.Add(new SchedTimer(_ => { }, from), i);
        }

        from.MoveTo(to);
        Assert.Equal((0, 40), (from.Count, to.Count));
        Assert.Equal(1, to.Earliest);
    }
}
