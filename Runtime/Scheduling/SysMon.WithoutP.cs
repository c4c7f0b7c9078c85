namespace ILPreempt.Runtime.Scheduling;

/// <content>
/// Goroutines that run though they have no P: they came back from native code after their P was taken, or a collection let them go from
/// the signal handler. They are made to stop at their next check, and the latter kind is parked again.
/// </content>
internal static partial class SysMon
{
    /// <summary>For each goroutine without a P, how long until all of them are looked at again.</summary>
    private const long WatchNs = 1_000;

    private static readonly Action<M> s_findWithoutP = FindWithoutP;
    private static readonly List<M> s_withoutP = new(64);
    private static long s_watchNow;
    private static long s_watchNext;
    private static long s_watchAt;

    /// <summary>Returns when to look next. Thousands may wait in blocking calls: what the walk costs is kept to some per cent.</summary>
    private static long WatchThoseWithoutP(long now)
    {
        int withoutP = Volatile.Read(ref Scheduler.LostCount) + Volatile.Read(ref Scheduler.StoppedCount);
        if (withoutP == 0 || now < s_watchAt)
        {
            return long.MaxValue;
        }

        s_watchAt = now + (withoutP * WatchNs);
        s_watchNow = now;
        s_watchNext = long.MaxValue;

        // Collected first: what is done to them takes locks that come before AllMs'.
        AllMs.ForEach(s_findWithoutP);
        foreach (M m in s_withoutP)
        {
            WatchWithoutP(m);
        }

        s_withoutP.Clear();
        return s_watchNext;
    }

    private static void FindWithoutP(M m)
    {
        if (m.IsStopped || m.CurG is { LostP: true })
        {
            s_withoutP.Add(m);
        }
    }

    /// <summary>
    /// A goroutine that runs without a P, since it came back from native code or since a collection let it go from the signal
    /// handler: make it stop at its next check, and park the latter kind again.
    /// </summary>
    private static void WatchWithoutP(M m)
    {
        GStatus status = Scheduler.WasReleased(m) ? GStatus.Runnable : GStatus.Syscall;
        G? g = m.CurG;
        if (g == null || m.Dead || g.Status != status || (status == GStatus.Syscall && !g.LostP))
        {
            return;
        }

        if (IsInNativeCode(m))
        {
            if (m.LostRequest.Asked != null)
            {
                Scheduler.LowerPoll(g);
                m.LostRequest = default;
            }

            return;
        }

        s_watchNext = Math.Min(s_watchNext, Ask(g, status, ref m.LostRequest, s_watchNow));
        if (!s_maySend)
        {
            return;
        }

        if (status == GStatus.Runnable)
        {
            if (Scheduler.MayPark(m, s_watchNow))
            {
                Scheduler.PreemptM(m, s_watchNow);
            }

            s_watchNext = Math.Min(s_watchNext, m.Repark.Next);
        }
        else if (s_watchNow >= m.LostRequest.NextSignal && MayStopMore() && Scheduler.QueueLost(m, s_watchNow))
        {
            Scheduler.PreemptM(m, s_watchNow);
        }
        else
        {
            s_watchNext = Math.Min(s_watchNext, m.LostRequest.NextSignal);
        }
    }
}
