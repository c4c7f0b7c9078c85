namespace ILPreempt.Runtime.Scheduling;

/// <content>
/// Asking a goroutine to stop. The mark is G.StackGuard0 = StackPreempt; the poll word counts marked goroutines whose request
/// is still fresh, so that everybody's check is one compare of one word. The marker stores the mark, then raises the word
/// (interlocked); the check reads the word, then the mark: who sees the raised word sees the mark.
/// A request that is not answered within a grace is lowered again by sysmon, so that one deaf goroutine does not send
/// everybody through the slow path; its mark stays.
/// </content>
internal static unsafe partial class Scheduler
{
    /// <summary>Stops since the start: at a check, and by a signal.</summary>
    internal static long PreemptionsByCheck;
    internal static long PreemptionsBySignal;

    /// <summary>Marks the goroutine that runs on <paramref name="p"/> (Go: preemptone). Best effort: it may just have left.</summary>
    internal static void PreemptOne(P p)
    {
        if (p.M?.CurG is G g)
        {
            Mark(g, GStatus.Running);
        }
    }

    /// <summary>Marks all that run (Go: preemptall).</summary>
    internal static void PreemptAll()
    {
        foreach (P p in AllP)
        {
            if (p.Status == PStatus.Running)
            {
                PreemptOne(p);
            }
        }
    }

    /// <summary>
    /// Marks a goroutine that is thought to be in <paramref name="status"/>. Raises the word, then looks whether it still is;
    /// a goroutine that leaves changes its state, then lowers the word. So no raise is left behind by one that is gone.
    /// </summary>
    internal static void Mark(G g, GStatus status)
    {
        Volatile.Write(ref g.StackGuard0, G.StackPreempt);
        if (Interlocked.Exchange(ref g.PollRaised, 1) == 0)
        {
            Interlocked.Increment(ref StackGuard.Poll);
        }

        if (g.Status != status)
        {
            LowerPoll(g);
        }
    }

    /// <summary>Takes the request out of the poll word; the mark stays.</summary>
    internal static void LowerPoll(G g)
    {
        if (Interlocked.Exchange(ref g.PollRaised, 0) == 1)
        {
            Interlocked.Decrement(ref StackGuard.Poll);
        }
    }

    /// <summary>A request dies with the slice it was meant for.</summary>
    private static void ClearPreempt(G g)
    {
        if (Volatile.Read(ref g.StackGuard0) != 0)
        {
            Volatile.Write(ref g.StackGuard0, 0);
        }

        if (Volatile.Read(ref g.PollRaised) != 0)
        {
            LowerPoll(g);
        }
    }

    /// <summary>Whether a runnable goroutine has no P: only then does ending a slice help anybody (golang #60693).</summary>
    internal static bool SomebodyWaits() => RunQ.Count != 0 || AnyLocalWork() || DueTimer();
}
