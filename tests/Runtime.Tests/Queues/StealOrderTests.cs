using ILPreempt.Runtime.Scheduling;
using Xunit;

namespace ILPreempt.Runtime.Tests.Queues;

/// <summary>After Go's TestStealOrder.</summary>
public class StealOrderTests
{
    [Fact]
    public void Walk_OneTo64Ps_VisitsEachOnceForEveryStart()
    {
        for (int procs = 1; procs <= 64; procs++)
        {
            StealOrder order = new(procs);
            for (uint random = 0; random < 3 * procs; random++)
            {
                bool[] seen = new bool[procs];
                StealOrder.Walk walk = order.Start(random);
                while (walk.Next(out int index))
                {
                    Assert.False(seen[index], $"procs {procs} random {random}: p{index} twice");
                    seen[index] = true;
                }

                Assert.DoesNotContain(false, seen);
            }
        }
    }

    [Fact]
    public void Start_ConsecutiveRandoms_NoPositionAndStrideTwiceEarly()
    {
        for (int procs = 1; procs <= 64; procs++)
        {
            StealOrder order = new(procs);
            HashSet<(int, int)> seen = [];
            for (uint random = 0; random < procs; random++)
            {
                StealOrder.Walk walk = order.Start(random);
                int stride = walk.Stride;
                walk.Next(out int position);
                Assert.True(seen.Add((position, stride)), $"procs {procs}: position {position} stride {stride} twice");
            }
        }
    }
}
