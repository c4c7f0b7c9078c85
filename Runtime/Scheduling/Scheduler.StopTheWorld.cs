using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <content>
/// Stopping every P (Go: stopTheWorld): for changing their number and for looking at everything at once. Idle Ps are taken,
/// Ps whose M is in native code are taken, the others come by themselves at their next check or scheduler call. A goroutine
/// in code that never checks delays it. A goroutine that comes back from native code in a stopped world goes on to its next
/// check and stops there: the poll word stays raised for as long as the world stands still.
/// </content>
internal static unsafe partial class Scheduler
{
    private static readonly RuntimeLock s_worldSema = new("world");
    private static readonly Note s_stopNote = new();
    private static int s_gcWaiting;
    private static int s_stopWait;

    internal static bool WorldStopping => Volatile.Read(ref s_gcWaiting) != 0;

    /// <summary>Returns when no other goroutine runs. Callable from a goroutine or from a thread without one.</summary>
    internal static void StopTheWorld()
    {
        EnsureStarted();
        M? m = M.Current;
        if (!s_worldSema.TryLock())
        {
            // Waiting with a P would keep the one who stops from ever getting it.
            if (m != null)
            {
                EnterSyscallBlock();
            }

            s_worldSema.Lock();
            if (m != null)
            {
                ExitSyscall();
            }
        }

        if (m != null)
        {
            EnterWithP(m);
            m.Slot->Locks++;
        }

        Interlocked.Increment(ref StackGuard.Poll);
        RunQ.Lock.Lock();
        s_stopWait = AllP.Length - (m != null ? 1 : 0);
        Volatile.Write(ref s_gcWaiting, 1);
        while (PIdleGet_NeedsLock() is P idle)
        {
            idle.SetUnowned(PStatus.Idle, PStatus.GcStop);
            s_stopWait--;
        }

        bool wait = s_stopWait > 0;
        RunQ.Lock.Unlock();
        while (wait)
        {
            PreemptAll();
            TakeNativePs();

            // Go's period for asking again: a request can hit a goroutine that has just left.
            s_stopNote.Sleep(Clock.Now() + 100_000);
            RunQ.Lock.Lock();
            wait = s_stopWait > 0;
            RunQ.Lock.Unlock();
        }

        while (AnyRunsWithoutP())
        {
            s_stopNote.Sleep(Clock.Now() + 100_000);
        }
    }

    /// <summary>Whether a goroutine whose P was taken in native code is back in managed code and has not met a check yet.</summary>
    private static bool AnyRunsWithoutP()
    {
        if (Volatile.Read(ref LostCount) == 0 && Volatile.Read(ref StoppedCount) == 0)
        {
            return false;
        }

        bool any = false;
        AllMs.ForEach(m => any |= (m.CurG is { LostP: true, Status: GStatus.Syscall } || WasReleased(m)) && !SysMon.IsInNativeCode(m));
        return any;
    }

    /// <summary>Ends StopTheWorld; called by the same goroutine or thread. <paramref name="procs"/>: the new number of Ps, 0 for no change.</summary>
    internal static void StartTheWorld(int procs = 0)
    {
        M? m = M.Current;
        if (procs != 0 && procs != AllP.Length)
        {
            ProcResize(m, procs);
        }

        List<P> busy = [];
        RunQ.Lock.Lock();
        foreach (P p in AllP)
        {
            if (p.Status != PStatus.GcStop)
            {
                continue;
            }

            p.SetUnowned(PStatus.GcStop, PStatus.Idle);
            if (p.RunQueue.IsEmpty)
            {
                PIdlePut_NeedsLock(p);
            }
            else
            {
                busy.Add(p);
            }
        }

        Volatile.Write(ref s_gcWaiting, 0);
        RunQ.Lock.Unlock();
        Interlocked.Decrement(ref StackGuard.Poll);
        foreach (P p in busy)
        {
            HandOffP(p);
        }

        WakeP();
        SysMon.Poke();
        if (m != null)
        {
            m.Slot->Locks--;
            m.P!.Leave(m);
        }

        s_worldSema.Unlock();
    }

    /// <summary>Changes the number of Ps while the program runs (Go: GOMAXPROCS). Returns the number before; n below 1 only reads.</summary>
    internal static int GoMaxProcs(int n)
    {
        EnsureStarted();
        int before = AllP.Length;
        if (n < 1 || n == before)
        {
            return before;
        }

        StopTheWorld();
        before = AllP.Length;
        StartTheWorld(n);
        return before;
    }

    private static void ProcResize(M? m, int procs)
    {
        P[] old = AllP;
        P[] all = new P[procs];
        for (int i = 0; i < procs; i++)
        {
            all[i] = i < old.Length ? old[i] : NewStoppedP(i);
        }

        // The caller's P may be among those that go: it moves to the first one.
        if (m?.P is P mine && mine.Id >= procs)
        {
            mine.Unwire(m, PStatus.GcStop);
            all[0].SetUnowned(PStatus.GcStop, PStatus.Idle);
            m.P = null;
            AcquireP(m, all[0]);
        }

        GList left = default;
        for (int i = procs; i < old.Length; i++)
        {
            old[i].RunQueue.Drain(ref left);
            old[i].Timers.MoveTo(all[0].Timers);
            old[i].SetUnowned(PStatus.GcStop, PStatus.Dead);
        }

        RunQ.Lock.Lock();
        RunQ.PutBatch_NeedsLock(ref left);
        AllP = all;
        s_stealOrder = new StealOrder(procs);
        RunQ.Lock.Unlock();
    }

    private static P NewStoppedP(int id)
    {
        P p = new(id);
        p.SetUnowned(PStatus.Idle, PStatus.GcStop);
        return p;
    }

    /// <summary>This M found the world stopping: gives its P to the stopper and sleeps until somebody brings it one (Go: gcstopm).</summary>
    private static G? GcStopM(M m, out bool inheritTime)
    {
        if (m.Spinning)
        {
            m.Spinning = false;
            Interlocked.Decrement(ref NMSpinning);
        }

        P p = m.P!;
        m.P = null;
        RunQ.Lock.Lock();
        if (s_gcWaiting != 0)
        {
            p.Unwire(m, PStatus.GcStop);
            OneStopped_NeedsLock();
            RunQ.Lock.Unlock();
            return StopM(m, out inheritTime);
        }

        RunQ.Lock.Unlock();
        m.P = p;
        inheritTime = false;
        return null;
    }

    /// <summary>The system call began while the world was stopping: hand the P in.</summary>
    private static void StopSyscallP(M m, P p)
    {
        RunQ.Lock.Lock();
        if (s_gcWaiting != 0 && p.TryTake(m, PStatus.Syscall, PStatus.GcStop))
        {
            OneStopped_NeedsLock();
        }

        RunQ.Lock.Unlock();
    }

    private static void TakeNativePs()
    {
        RunQ.Lock.Lock();
        foreach (P p in AllP)
        {
            if (p.M is not M m)
            {
                continue;
            }

            bool taken = p.Status switch
            {
                PStatus.Syscall => p.TryTake(m, PStatus.Syscall, PStatus.GcStop),
                PStatus.Running => SysMon.IsInNativeCode(m) && TakeRunningP(p, m, PStatus.GcStop),
                _ => false,
            };
            if (taken)
            {
                OneStopped_NeedsLock();
            }
        }

        RunQ.Lock.Unlock();
    }

    private static void OneStopped_NeedsLock()
    {
        RunQ.Lock.AssertHeld();
        if (--s_stopWait == 0)
        {
            s_stopNote.Wakeup();
        }
    }
}
