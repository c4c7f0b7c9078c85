using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Runtime.Scheduling;

/// <content>Which M holds which P: starting, stopping, handing over (Go: wakep, startm, stopm, handoffp, startlockedm).</content>
internal static unsafe partial class Scheduler
{
    /// <summary>Length of the idle list. Written under the lock; read without it as a hint that the lock then confirms.</summary>
    internal static int NPIdle;

    /// <summary>Ps that left an M which blocked or ended, and goroutines' moves from one P to another, since the start.</summary>
    internal static long Handoffs;
    internal static long Steals;

    private static P? s_idleP;
    private static M? s_idleM;
    private static int s_nmIdle;

    internal static int NMIdle => Volatile.Read(ref s_nmIdle);

    /// <summary>Starts one spinning M if a P is idle and nobody spins yet. At most one thread is woken per event.</summary>
    internal static void WakeP()
    {
        if (Volatile.Read(ref NMSpinning) != 0 || Interlocked.CompareExchange(ref NMSpinning, 1, 0) != 0)
        {
            return;
        }

        RunQ.Lock.Lock();
        P? p = PIdleGet_NeedsLock();
        if (p == null)
        {
            // An M that is about to give up its P sees this under the lock and spins once more instead.
            Volatile.Write(ref s_needSpinning, 1);
        }

        RunQ.Lock.Unlock();
        if (p == null)
        {
            if (Interlocked.Decrement(ref NMSpinning) < 0)
            {
                RuntimePanic.Throw("wakep: NMSpinning is below 0");
            }

            return;
        }

        StartM(p, spinning: true, null, false);
    }

    /// <summary>Lets a free M carry the P: an idle one, else a new thread. A spinning caller has counted it in NMSpinning.</summary>
    private static void StartM(P p, bool spinning, G? g, bool inheritTime)
    {
        RunQ.Lock.Lock();
        M? m = s_idleM;
        if (m != null)
        {
            s_idleM = m.SchedLink;
            m.SchedLink = null;
            s_nmIdle--;
        }

        RunQ.Lock.Unlock();
        if (m == null)
        {
            NewM(p, spinning, g, inheritTime);
            return;
        }

        m.Spinning = spinning;
        Hand(m, p, g, inheritTime);
    }

    /// <summary>For tests: who has made a thread calls it, on its way out of StartM.</summary>
    internal static Action? MadeThread;

    private static void NewM(P p, bool spinning, G? g, bool inheritTime)
    {
        M m = AllMs.Add(isForeign: false);
        m.Spinning = spinning;
        m.NextG = g;
        m.NextInherit = inheritTime;
        m.NextP = p;
        try
        {
            Thread thread = new(() => MStart(m), (int)Settings.StackBytes) { IsBackground = true };
            thread.UnsafeStart();
            MadeThread?.Invoke();
        }
        catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
        {
            RuntimePanic.Fatal(
                $"runtime: cannot create OS thread number {AllMs.Count} (check ulimit -u, the pids limit of the container, and vm.max_map_count)",
                "thread exhaustion");
        }
    }

    /// <summary>
    /// Gives an unowned P to the thread that must run <paramref name="g"/>: the one with its frames, else a free one
    /// (Go: startlockedm). <paramref name="cpu"/>: the one that the thread that had the P leaves free; negative if it is not known.
    /// </summary>
    private static void GiveP(P p, G g, bool inheritTime, int cpu = -1)
    {
        if (g.LockedM is M locked)
        {
            CpuPlacement.Steer(locked, cpu);
            if (!ResumeStopped(locked, p, g, inheritTime))
            {
                Hand(locked, p, g, inheritTime);
            }
        }
        else
        {
            StartM(p, spinning: false, g, inheritTime);
        }
    }

    private static void Hand(M m, P p, G? g, bool inheritTime)
    {
        if (m.NextP != null)
        {
            RuntimePanic.Throw($"startm: m{m.Id} has p{m.NextP.Id} waiting, want none");
        }

        m.NextG = g;
        m.NextInherit = inheritTime;
        m.NextP = p;
        m.Park.Wakeup();
    }

    /// <summary>
    /// Sleeps until somebody hands this M a P. A free M is on the idle list meanwhile; one that holds a goroutine's frames
    /// is woken only with that goroutine (Go: stopm, stoplockedm). Returns the goroutine to run, or null: look for one.
    /// </summary>
    private static G? StopM(M m, out bool inheritTime)
    {
        if (m.P != null || m.Spinning)
        {
            RuntimePanic.Throw($"stopm: m{m.Id} holds p{m.P?.Id} or spins, want neither");
        }

        if (m.LockedG == null)
        {
            Uncount(m);
            RunQ.Lock.Lock();
            m.SchedLink = s_idleM;
            s_idleM = m;
            s_nmIdle++;
            RunQ.Lock.Unlock();
        }

        while (m.NextP == null)
        {
            m.Park.Sleep();
        }

        return AcquireNextP(m, out inheritTime);
    }

    private static G? AcquireNextP(M m, out bool inheritTime)
    {
        P p = m.NextP!;
        G? g = m.NextG;
        CpuPlacement.Restore(m);
        inheritTime = m.NextInherit;
        m.NextG = null;
        m.NextP = null;
        AcquireP(m, p);
        return g;
    }

    private static void AcquireP(M m, P p)
    {
        if (m.P != null)
        {
            RuntimePanic.Throw($"acquirep: m{m.Id} already holds p{m.P.Id}");
        }

        p.Wire(m);
        m.P = p;
        m.Slot->PState = p.StateWord;
    }

    private static P ReleaseP(M m)
    {
        P p = m.P!;
        p.Unwire(m);
        m.P = null;
        return p;
    }

    /// <summary>
    /// A P lost its M: start another exactly in the cases in which FindRunnable would find something, else let it idle
    /// (Go: handoffp). Called by the M that leaves, or by sysmon: for <paramref name="stopped"/>, whose CPU is free now, or for one in native code.
    /// </summary>
    private static void HandOffP(P p, M? stopped = null)
    {
        Interlocked.Increment(ref Handoffs);
        Tracing.Handoff(p);
        if (Volatile.Read(ref s_gcWaiting) == 0)
        {
            RunLateTimers(p, Clock.Now());

            // Nobody else owns the P here, so this thread may take from its queue in the owner's place and wake the right M at once.
            bool inheritTime = false;
            p.SliceStart = Clock.Now();
            G? g = p.SchedTick % GlobalEvery == 0 || RunQ.HasLate ? GetGlobal(p, 1, stopped) : null;
            g ??= p.RunQueue.Get(out inheritTime) ?? GetGlobal(p, 1, stopped);
            if (g != null)
            {
                GiveP(p, g, inheritTime, stopped != null ? stopped.Slot->Cpu : -1);
                return;
            }

            if (Volatile.Read(ref NMSpinning) + Volatile.Read(ref NPIdle) == 0
                && (AnyLocalWork() || DueTimer())
                && Interlocked.CompareExchange(ref NMSpinning, 1, 0) == 0)
            {
                Volatile.Write(ref s_needSpinning, 0);
                StartM(p, spinning: true, null, false);
                return;
            }
        }

        RunQ.Lock.Lock();
        if (s_gcWaiting != 0)
        {
            p.SetUnowned(PStatus.Idle, PStatus.GcStop);
            OneStopped_NeedsLock();
            RunQ.Lock.Unlock();
            return;
        }

        G? late = RunQ.Get_NeedsLock(null, Procs, 1);
        if (late == null)
        {
            PIdlePut_NeedsLock(p);
        }

        RunQ.Lock.Unlock();
        if (late != null)
        {
            GiveP(p, late, inheritTime: false);
            return;
        }

        // The same look again as a spinner's: work may have been put on another P after the look above and found no spinner.
        if (AnyLocalWork())
        {
            WakeP();
        }

        long earliest = p.Timers.Earliest;
        if (earliest != 0)
        {
            WakeNetPoller(earliest);
        }
    }

    /// <summary>Runs a P's due timers from a thread without a P: sysmon, or an M that has just given it up.</summary>
    internal static void RunLateTimers(P p, long now)
    {
        t_runsLateTimers = true;
        p.Timers.RunDue(now);
        t_runsLateTimers = false;
    }

    private static bool DueTimer()
    {
        long now = 0;
        foreach (P p in AllP)
        {
            long earliest = p.Timers.Earliest;
            if (earliest == 0)
            {
                continue;
            }

            now = now == 0 ? Clock.Now() : now;
            if (earliest <= now)
            {
                return true;
            }
        }

        return false;
    }

    private static void PIdlePut_NeedsLock(P p)
    {
        RunQ.Lock.AssertHeld();
        if (!p.RunQueue.IsEmpty)
        {
            RuntimePanic.Throw($"pidleput: p{p.Id} has {p.RunQueue.Count} goroutines, want none");
        }

        p.Link = s_idleP;
        s_idleP = p;
        Interlocked.Increment(ref NPIdle);
    }

    private static P? PIdleGet_NeedsLock()
    {
        RunQ.Lock.AssertHeld();
        if (ScheduleFuzz.On)
        {
            s_idleP = ScheduleFuzz.Reorder(s_idleP);
        }

        P? p = s_idleP;
        if (p != null)
        {
            s_idleP = p.Link;
            p.Link = null;
            Interlocked.Decrement(ref NPIdle);
            SysMon.WakeFromDeepSleep();
        }

        return p;
    }
}
