using ILPreempt.Runtime.Telemetry;
using Xunit;

namespace ILPreempt.Runtime.Tests.Telemetry;

public class TraceRingTests
{
    [Fact]
    public void Put_SomeEvents_AreTakenInOrder()
    {
        TraceRing ring = new();
        TraceEvent[] buffer = new TraceEvent[7];
        for (int lap = 0; lap < TraceRing.Capacity; lap++)
        {
            for (int i = 0; i < 5; i++)
            {
                ring.Put(new TraceEvent { G = (lap * 5) + i });
            }

            Assert.Equal(5, ring.Take(buffer));
            Assert.Equal([lap * 5L, (lap * 5L) + 1, (lap * 5L) + 2, (lap * 5L) + 3, (lap * 5L) + 4], buffer[..5].Select(e => e.G));
        }

        Assert.Equal(0, ring.Take(buffer));
    }

    [Fact]
    public void Put_IntoAFullRing_IsDroppedAndCounted()
    {
        TraceRing ring = new();
        for (int i = 0; i < TraceRing.Capacity + 3; i++)
        {
            ring.Put(new TraceEvent { G = i });
        }

        TraceEvent[] buffer = new TraceEvent[TraceRing.Capacity + 3];
        Assert.Equal(TraceRing.Capacity, ring.Take(buffer));
        Assert.Equal((0L, TraceRing.Capacity - 1L), (buffer[0].G, buffer[TraceRing.Capacity - 1].G));
        Assert.Equal((3L, 0L), (ring.TakeLost(), ring.TakeLost()));
        ring.Put(new TraceEvent { G = 1 });
        Assert.Equal(1, ring.Take(buffer));
    }

    [Fact]
    public void Put_ByManyThreads_EachEventComesOnceOrIsCountedAsLost()
    {
        const int writers = 4;
        const int each = 100_000;
        TraceRing ring = new();
        Thread[] threads = [.. Enumerable.Range(0, writers).Select(w => new Thread(() =>
        {
            for (int i = 0; i < each; i++)
            {
                ring.Put(new TraceEvent { M = w, G = i, Argument = ~(long)i });
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        TraceEvent[] buffer = new TraceEvent[1000];
        long[] last = [-1, -1, -1, -1];
        long taken = 0;
        bool running = true;
        while (true)
        {
            int n = ring.Take(buffer);
            foreach (TraceEvent e in buffer.AsSpan(0, n))
            {
                Assert.Equal(~e.G, e.Argument);
                Assert.True(e.G > last[e.M]);
                last[e.M] = e.G;
            }

            taken += n;
            if (n == 0 && !running)
            {
                break;
            }

            running = threads.Any(t => t.IsAlive);
        }

        Assert.Equal((long)writers * each, taken + ring.TakeLost());
    }
}
