using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Runtime.Scheduling;

/// <content>
/// Where the next goroutine comes from, in Go's order: the global queue every 61st time (so that two local goroutines that
/// ready each other cannot starve it), due timers, runnext and the local ring, a batch of the global queue, other Ps.
/// Then the P is given up, and a spinner looks everywhere once more before it sleeps.
/// </content>
internal static unsafe partial class Scheduler
{
    /// <summary>How often the global queue is looked at first. Go's number; prime, so that it meets no pattern.</summary>
    private const int GlobalEvery = 61;

    private const int StealRounds = 4;

    /// <summary>How many Ms look for work that nobody promised them.</summary>
    internal static int NMSpinning;

    private static int s_needSpinning;

    internal static bool NeedSpinning => Volatile.Read(ref s_needSpinning) != 0;

    /// <summary>The M that sleeps until the next timer while others sleep without limit, and its deadline.</summary>
    private static M? s_poller;
    private static long s_pollUntil;

    /// <summary>Blocks until there is a goroutine for this M's P, or this M is handed a P with its own goroutine.</summary>
    private static G FindRunnable(M m, out bool inheritTime)
    {
        while (true)
        {
            if (Volatile.Read(ref s_gcWaiting) != 0)
            {
                if (GcStopM(m, out inheritTime) is G stopped)
                {
                    return stopped;
                }

                continue;
            }

            if (m.NextP != null)
            {
                return LeaveForOwn(m, out inheritTime);
            }

            P p = m.P!;
            long now = 0;
            long pollUntil = CheckTimers(p, ref now);
            if (NextLocal(p, out inheritTime) is G local)
            {
                return local;
            }

            if (m.Spinning || 2 * Volatile.Read(ref NMSpinning) < Procs - Volatile.Read(ref NPIdle))
            {
                BecomeSpinning(m);
                if (StealWork(m, p, ref now, ref pollUntil, out bool retry, out inheritTime) is G stolen)
                {
                    return stolen;
                }

                if (retry)
                {
                    continue;
                }
            }

            if (GiveUpP(m, p, out G? last))
            {
                inheritTime = false;
                if (last != null)
                {
                    return last;
                }

                continue;
            }

            if (LookAgain(m, ref pollUntil, out last))
            {
                inheritTime = false;
                if (last != null)
                {
                    return last;
                }

                continue;
            }

            if (Poll(m, pollUntil))
            {
                continue;
            }

            if (StopM(m, out inheritTime) is G mine)
            {
                return mine;
            }
        }
    }

    /// <summary>
    /// While this M was looking for work for one P, its own goroutine became ready and was given another P. Two Ps must
    /// not wait on one thread: this one goes on to others.
    /// </summary>
    private static G LeaveForOwn(M m, out bool inheritTime)
    {
        if (m.Spinning)
        {
            m.Spinning = false;
            Interlocked.Decrement(ref NMSpinning);
        }

        HandOffP(ReleaseP(m));
        if (StopM(m, out inheritTime) is G own)
        {
            return own;
        }

        RuntimePanic.Throw($"findrunnable: m{m.Id} was handed p{m.P!.Id} without a goroutine while it held another");
        return null!;
    }

    private static G? NextLocal(P p, out bool inheritTime)
    {
        inheritTime = false;
        if (ScheduleFuzz.On)
        {
            ScheduleFuzz.Shuffle(p);
        }

        if (((p.SchedTick % GlobalEvery == 0 && !WokenIsNext(p)) || RunQ.HasLate) && GetGlobal(p, 1) is G fair)
        {
            return fair;
        }

        G? g = p.RunQueue.Get(out inheritTime);
        if (g != null && inheritTime && Clock.Now() - p.SliceStart >= Settings.SliceNs && SomebodyWaits())
        {
            // A pair that readies each other shares one slice, and the slice is over. Go stops it at its next prologue;
            // here a pair can hand over for ever between two checks, so the shared slice ends where it would be passed on.
            RunQ.Lock.Lock();
            RunQ.Put_NeedsLock(g);
            RunQ.Lock.Unlock();
            g = p.RunQueue.Get(out inheritTime);
        }

        return g ?? GetGlobal(p, 0);
    }

    internal static G? GetGlobal(P p, int max, M? stopped = null)
    {
        if (RunQ.Count == 0)
        {
            return null;
        }

        RunQ.Lock.Lock();
        G? g = RunQ.Get_NeedsLock(p, Procs, max, stopped);
        RunQ.Lock.Unlock();
        return g;
    }

    /// <summary>Runs this P's due timers; returns when its next one is due, 0 for none.</summary>
    private static long CheckTimers(P p, ref long now)
    {
        long earliest = p.Timers.Earliest;
        if (earliest == 0)
        {
            return 0;
        }

        now = now == 0 ? Clock.Now() : now;
        if (earliest <= now)
        {
            p.Timers.RunDue(now);
            earliest = p.Timers.Earliest;
        }

        return earliest;
    }

    private static G? StealWork(M m, P p, ref long now, ref long pollUntil, out bool retry, out bool inheritTime)
    {
        retry = false;
        inheritTime = false;
        bool ranTimer = false;
        for (int round = 0; round < StealRounds; round++)
        {
            bool lastRound = round == StealRounds - 1;
            p.Random = (p.Random * 1664525) + 1013904223;
            StealOrder.Walk walk = s_stealOrder.Start(p.Random >> 8);
            while (walk.Next(out int index))
            {
                if (Volatile.Read(ref s_gcWaiting) != 0)
                {
                    retry = true;
                    return null;
                }

                P victim = AllP[index];
                if (victim == p)
                {
                    continue;
                }

                if (lastRound && victim.Timers.Earliest != 0)
                {
                    ranTimer |= StealTimers(victim, ref now, ref pollUntil);
                    if (ranTimer && p.RunQueue.Get(out inheritTime) is G ready)
                    {
                        return ready;
                    }
                }

                // A P on its way to an M is stealable too; one on the idle list is empty.
                if (victim.RunQueue.StealInto(p.RunQueue, lastRound, victim.Status == PStatus.Running) is G g)
                {
                    Interlocked.Increment(ref Steals);
                    Tracing.Steal(m, p, victim, g);
                    return g;
                }
            }
        }

        retry = ranTimer;
        return null;
    }

    private static bool StealTimers(P victim, ref long now, ref long pollUntil)
    {
        now = now == 0 ? Clock.Now() : now;
        bool ran = victim.Timers.RunDue(now);
        pollUntil = EarlierOf(pollUntil, victim.Timers.Earliest);
        return ran;
    }

    /// <summary>Puts the P on the idle list unless work has come up. True: keep going (with <paramref name="g"/> if not null).</summary>
    private static bool GiveUpP(M m, P p, out G? g)
    {
        RunQ.Lock.Lock();
        g = null;
        bool keep = Volatile.Read(ref s_gcWaiting) != 0;
        if (!keep)
        {
            g = RunQ.Get_NeedsLock(p, Procs, 0);
            keep = g != null;
            if (!keep && !m.Spinning && Volatile.Read(ref s_needSpinning) != 0)
            {
                BecomeSpinning(m);
                keep = true;
            }
        }

        if (!keep)
        {
            ReleaseP(m);
            PIdlePut_NeedsLock(p);
        }

        RunQ.Lock.Unlock();
        return keep;
    }

    /// <summary>
    /// The spinner's second look. NMSpinning goes down FIRST: a submitter that still saw this M spinning left its work for
    /// it to find here; one that comes later sees no spinner and starts one. Others who did not spin may skip it.
    /// True: has a P again (and <paramref name="g"/> if not null).
    /// </summary>
    private static bool LookAgain(M m, ref long pollUntil, out G? g)
    {
        g = null;
        if (!m.Spinning)
        {
            return false;
        }

        m.Spinning = false;
        if (Interlocked.Decrement(ref NMSpinning) < 0)
        {
            RuntimePanic.Throw("findrunnable: NMSpinning is below 0");
        }

        RunQ.Lock.Lock();
        P? p = RunQ.Count != 0 ? PIdleGet_NeedsLock() : null;
        if (p != null)
        {
            AcquireP(m, p);
            g = RunQ.Get_NeedsLock(p, Procs, 0);
        }

        RunQ.Lock.Unlock();
        if (p == null && AnyLocalWork())
        {
            RunQ.Lock.Lock();
            p = PIdleGet_NeedsLock();
            RunQ.Lock.Unlock();
            if (p != null)
            {
                AcquireP(m, p);
            }
        }

        if (p != null)
        {
            BecomeSpinning(m);
            return true;
        }

        foreach (P other in AllP)
        {
            pollUntil = EarlierOf(pollUntil, other.Timers.Earliest);
        }

        return false;
    }

    /// <summary>
    /// One M without a P sleeps until the next timer (in Go: in the network poller) and then takes an idle P to run it.
    /// True: has a P. False: nothing to wait for, or somebody else waits already, or this M was handed a P (StopM will take it).
    /// </summary>
    private static bool Poll(M m, long pollUntil)
    {
        if (pollUntil == 0)
        {
            return false;
        }

        if (Interlocked.CompareExchange(ref s_poller, m, null) != null)
        {
            WakeNetPoller(pollUntil);
            return false;
        }

        Volatile.Write(ref s_pollUntil, pollUntil);

        // The partner of WakeNetPoller: it stores its timer, then reads s_pollUntil; here s_pollUntil is stored, then the
        // timers are read again, so a timer that came in between is seen by one side.
        Interlocked.MemoryBarrier();
        foreach (P other in AllP)
        {
            pollUntil = EarlierOf(pollUntil, other.Timers.Earliest);
        }

        Volatile.Write(ref s_pollUntil, pollUntil);
        m.Park.Sleep(pollUntil);
        Volatile.Write(ref s_pollUntil, 0);
        Volatile.Write(ref s_poller, null);
        if (m.NextP != null)
        {
            // It leaves to run its own goroutine, and nobody watches the timers of idle Ps until sysmon does.
            SysMon.Poke();
            return false;
        }

        RunQ.Lock.Lock();
        P? p = PIdleGet_NeedsLock();
        RunQ.Lock.Unlock();
        if (p == null)
        {
            SysMon.Poke();
            return false;
        }

        AcquireP(m, p);
        return true;
    }

    /// <summary>Ends the poller's sleep if it would oversleep <paramref name="when"/>.</summary>
    private static void WakeNetPoller(long when)
    {
        M? poller = Volatile.Read(ref s_poller);
        if (poller == null)
        {
            SysMon.NoteDeadline(when);
            return;
        }

        long until = Volatile.Read(ref s_pollUntil);
        if (until == 0 || until > when)
        {
            poller.Park.Wakeup();
        }
    }

    internal static bool AnyLocalWork()
    {
        foreach (P p in AllP)
        {
            if (!p.RunQueue.IsEmpty)
            {
                return true;
            }
        }

        return false;
    }

    private static void BecomeSpinning(M m)
    {
        if (!m.Spinning)
        {
            m.Spinning = true;
            Interlocked.Increment(ref NMSpinning);
            Volatile.Write(ref s_needSpinning, 0);
        }
    }

    /// <summary>A spinner found work: the last one to stop spinning starts another, so that more work is found too.</summary>
    private static void ResetSpinning(M m)
    {
        m.Spinning = false;
        if (Interlocked.Decrement(ref NMSpinning) < 0)
        {
            RuntimePanic.Throw("resetspinning: NMSpinning is below 0");
        }

        WakeP();
    }

    private static long EarlierOf(long a, long b) => a == 0 ? b : b == 0 ? a : Math.Min(a, b);
}
