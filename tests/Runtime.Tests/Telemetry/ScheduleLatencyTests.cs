using ILPreempt.Runtime.Telemetry;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Telemetry;

public class ScheduleLatencyTests
{
    [Fact]
    public void Bucket_OfAnyValue_IsAtMostAnEighthTooHigh()
    {
        int last = -1;
        for (double value = 0; value < long.MaxValue / 2; value = (value * 1.01) + 1)
        {
            long ns = (long)value;
            int bucket = ScheduleLatency.BucketOf(ns);
            Assert.InRange(ScheduleLatency.UpperOf(bucket), ns, ns + (ns / 8));
            Assert.InRange(bucket, last, int.MaxValue);
            last = bucket;
        }

        Assert.Equal(0, ScheduleLatency.BucketOf(-5));
        Assert.Equal(long.MaxValue, ScheduleLatency.UpperOf(ScheduleLatency.BucketOf(long.MaxValue)));
    }

    [Fact]
    public void Percentiles_OfKnownWaits_AreTheirs()
    {
        ScheduleLatency.Prepare();
        LatencySnapshot before = ScheduleLatency.Snapshot();
        for (int us = 1; us <= 1000; us++)
        {
            ScheduleLatency.Add(us * 1000);
        }

        LatencySnapshot waits = ScheduleLatency.Snapshot().Since(before);
        Assert.Equal(1000, waits.Count);
        Assert.InRange(waits.P50, 500_000, 563_000);
        Assert.InRange(waits.P90, 900_000, 1_013_000);
        Assert.InRange(waits.P99, 990_000, 1_114_000);
        Assert.InRange(waits.Max, 1_000_000, 1_125_000);
        Assert.Equal(0, before.Since(before).P99);
    }

    [Fact]
    public void Latency_OfGoroutines_IsCountedOnlyWhileEnabled()
    {
        Action[] yields = Gos.Times(4, _ =>
        {
            for (int i = 0; i < 100; i++)
            {
                Goroutine.Yield();
            }
        });
        Gos.Run(yields);
        LatencySnapshot before = ScheduleLatency.Snapshot();
        ScheduleLatency.Enable();
        ScheduleLatency.Enable();
        Gos.Run(yields);
        ScheduleLatency.Disable();
        Gos.Run(yields);
        ScheduleLatency.Disable();
        LatencySnapshot after = ScheduleLatency.Snapshot();
        Gos.Run(yields);
        LatencySnapshot waits = after.Since(before);
        Assert.InRange(waits.Count, 2 * 4 * 100, 100_000);
        Assert.True(waits.P50 > 0 && waits.P50 <= waits.P99 && waits.P99 <= waits.Max);

        // A goroutine of the round before may have been on its way.
        Assert.InRange(ScheduleLatency.Snapshot().Since(after).Count, 0, 4);
    }
}
