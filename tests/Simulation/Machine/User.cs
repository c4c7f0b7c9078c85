using ILPreempt.Runtime;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Simulation;

/// <summary>What goroutines of the workloads do.</summary>
internal static class User
{
    /// <summary>Computes, in code with checks: for so long on a P, however often it is stopped in between.</summary>
    internal static void Compute(long ns)
    {
        while (ns > 0)
        {
            if (StackGuard.Poll != 0)
            {
                StackGuard.MoreStack();
            }

            bool up = StackGuard.Poll != 0;
            long done = Machine.Compute(up ? Math.Min(ns, Costs.SlowPiece) : ns);
            ns -= done;
            if (up)
            {
                long lost = done / Costs.CheckEvery * Costs.SlowCheck;
                Machine.SlowChecks += lost;
                Machine.Step(lost);
            }
        }
    }

    /// <summary>A length around <paramref name="ns"/>, from half to one and a half.</summary>
    internal static long Around(long ns) => (ns / 2) + Machine.Random(ns + 1);
}

/// <summary>Waiting for a number of others. The last to come readies the one who waits; nobody waits if all have come.</summary>
internal sealed class Join(int count)
{
    private int _left = count + 1;
    private G? _waiter;

    internal void Done()
    {
        if (Runtime.Interlocked.Add(ref _left, -1) == 0)
        {
            Scheduler.GoReady(_waiter!);
        }
    }

    internal void Wait()
    {
        _waiter = M.Current!.CurG!;
        Scheduler.GoPark(static (_, self) => Runtime.Interlocked.Add(ref ((Join)self!)._left, -1) != 0, this, WaitReason.SemAcquire);
    }
}
