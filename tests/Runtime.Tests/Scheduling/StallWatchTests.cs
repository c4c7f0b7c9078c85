using ILPreempt.Runtime.Diagnostics;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

public class StallWatchTests
{
    private const long Limit = 100;

    [Fact]
    public void PastSlice_OfOneThatRunsOn_IsToldOnceForASlice()
    {
        StallWatch watch = new(Limit);
        Assert.Equal(0, watch.PastSlice(1, 1000, turn: 7, start: 5));
        Assert.Equal(0, watch.PastSlice(1, 1099, 7, 5));
        Assert.Equal(120, watch.PastSlice(1, 1120, 7, 5));
        Assert.Equal(0, watch.PastSlice(1, 1500, 7, 5));
        Assert.Equal(0, watch.PastSlice(1, 1600, turn: 8, start: 6));
        Assert.Equal(100, watch.PastSlice(1, 1700, 8, 6));
    }

    [Fact]
    public void PastSlice_WithoutCpuOrAWaiter_IsNoStall()
    {
        StallWatch watch = new(Limit);
        Assert.Equal(0, watch.PastSlice(0, 1000, 7, 5));
        Assert.Equal(0, watch.PastSlice(0, 1001, 7, 5));
        Assert.Equal(0, watch.PastSlice(0, -1, 7, 5));
        Assert.Equal(0, watch.PastSlice(0, 1150, 7, 5));
    }

    [Fact]
    public void IdleBesideWork_WhileNothingMoves_IsToldOnce()
    {
        StallWatch watch = new(Limit);
        Assert.Equal(0, watch.IdleBesideWork(0, idle: 1, queued: 2, turns: 0));
        Assert.Equal(0, watch.IdleBesideWork(90, 1, 2, 0));
        Assert.Equal(110, watch.IdleBesideWork(110, 1, 2, 0));
        Assert.Equal(0, watch.IdleBesideWork(900, 1, 2, 0));
    }

    [Theory]
    [InlineData(0, 2, 0)]
    [InlineData(1, 0, 0)]
    [InlineData(1, 2, 1)]
    public void IdleBesideWork_OnceBusyEmptyOrMoving_StartsAnew(int idle, long queued, long turns)
    {
        StallWatch watch = new(Limit);
        Assert.Equal(0, watch.IdleBesideWork(0, 1, 2, 0));
        Assert.Equal(0, watch.IdleBesideWork(99, idle, queued, turns));
        Assert.Equal(0, watch.IdleBesideWork(150, 1, 2, turns));
    }
}
