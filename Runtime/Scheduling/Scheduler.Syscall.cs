using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <content>
/// Native code and blocking calls. Announced: EnterSyscall leaves the P stealable and mostly finds it again at the end;
/// EnterSyscallBlock hands it off at once. Not announced: sysmon sees that the thread is in native code and takes the P
/// (SysMon.Retake); the goroutine is then in Syscall with LostP set, may run on without a P, and gets one at its next
/// check or scheduler call (RegainP).
/// </content>
internal static unsafe partial class Scheduler
{
    /// <summary>How many goroutines run or wait without a P that sysmon took. sysmon watches them.</summary>
    internal static int LostCount;

    /// <summary>Before a call that may block (Go: entersyscall).</summary>
    internal static void EnterSyscall()
    {
        if (ScheduleFuzz.On && ScheduleFuzz.Toss(4))
        {
            EnterSyscallBlock();
            return;
        }

        M m = M.Current!;
        EnterWithP(m);
        P p = m.P!;
        p.SyscallTick++;
        m.OldP = p;
        m.P = null;
        G g = m.CurG!;
        g.WaitReason = WaitReason.Syscall;
        g.WaitSince = Clock.Now();
        g.CasStatus(GStatus.Running, GStatus.Syscall);
        p.BeginSyscall(m);
        if (Volatile.Read(ref s_gcWaiting) != 0)
        {
            StopSyscallP(m, p);
        }
    }

    /// <summary>Before a call that will block: another M gets the P now (Go: entersyscallblock).</summary>
    internal static void EnterSyscallBlock()
    {
        M m = M.Current!;
        EnterWithP(m);
        m.P!.SyscallTick++;
        m.OldP = null;
        P p = ReleaseP(m);
        G g = m.CurG!;
        g.WaitReason = WaitReason.Syscall;
        g.WaitSince = Clock.Now();
        g.CasStatus(GStatus.Running, GStatus.Syscall);
        HandOffP(p);
    }

    /// <summary>After the call (Go: exitsyscall): the old P if nobody took it, else an idle one, else wait in the global queue.</summary>
    internal static void ExitSyscall()
    {
        M m = M.Current!;
        G g = m.CurG!;
        P? old = m.OldP;
        m.OldP = null;
        if (old != null && old.TryEndSyscall(m))
        {
            m.P = old;
            g.CasStatus(GStatus.Syscall, GStatus.Running);
            g.WaitReason = WaitReason.None;
            old.SyscallTick++;
            old.Leave(m);
            return;
        }

        ExitSyscallSlow(m, g);
    }

    /// <summary>
    /// The P was taken from this thread: by a signal (Scheduler.AsyncPreempt), or while it was in native code. sysmon changes
    /// the goroutine's state right after it took the P, so the wait for that is short.
    /// </summary>
    internal static void RegainP(M m)
    {
        if (m.IsStopped)
        {
            WaitStopped(m);
            return;
        }

        AwaitLoss(m);
        Adoption.Claim(m);
        ExitSyscallSlow(m, m.CurG!);
    }

    /// <summary>
    /// Until sysmon has done with the goroutine whose P it took. On a busy machine the thread may come here so late that the goroutine
    /// has been queued and given a P meanwhile.
    /// </summary>
    internal static void AwaitLoss(M m)
    {
        SpinWait spin = default;
        while (m.CurG!.Status is not (GStatus.Syscall or GStatus.Dead) && !m.IsStopped && m.P?.IsRunBy(m) != true)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    internal static void ForgetLostP(G g)
    {
        g.LostP = false;
        Interlocked.Decrement(ref LostCount);
    }

    private static void ExitSyscallSlow(M m, G g)
    {
        // One lock for both looks: a P that goes idle after the first would miss the goroutine in the queue.
        RunQ.Lock.Lock();
        if (m.IsStopped)
        {
            // sysmon has put it into the queue meanwhile (QueueLost).
            RunQ.Lock.Unlock();
            WaitStopped(m);
            return;
        }

        if (g.Status == GStatus.Running)
        {
            // A signal stopped it on the way here, and it has been given a P since.
            RunQ.Lock.Unlock();
            return;
        }

        if (g.LostP)
        {
            ForgetLostP(g);
        }

        m.P = null;
        P? p = PIdleGet_NeedsLock();
        if (p == null)
        {
            g.CasStatus(GStatus.Syscall, GStatus.Runnable);
            ClearPreempt(g);
            m.CurG = null;
            PutWoken_NeedsLock(g);
        }

        RunQ.Lock.Unlock();
        bool inheritTime = false;
        if (p != null)
        {
            AcquireP(m, p);
            g.CasStatus(GStatus.Syscall, GStatus.Running);
            g.WaitReason = WaitReason.None;
            p.SchedTick++;
            p.SliceStart = Clock.Now();
            ClearPreempt(g);
            p.Leave(m);
            return;
        }

        NoteWoken();
        G? next = StopM(m, out inheritTime);
        if (next != g)
        {
            RuntimePanic.Throw($"exitsyscall: m{m.Id} resumed with g{next?.Id}, want g{g.Id}");
        }

        Execute(m, g, inheritTime);
    }

    /// <summary>sysmon takes the P of an M that has been in native code without saying so. False: the M was faster.</summary>
    internal static bool TakeRunningP(P p, M m, PStatus to)
    {
        if (!p.TryTake(m, PStatus.Running, to))
        {
            return false;
        }

        // The M can't enter the scheduler now, so its goroutine is the one that ran when the P was taken.
        G? g = m.CurG;
        if (g == null)
        {
            RuntimePanic.Throw($"retake: m{m.Id} ran p{p.Id} without a goroutine");
        }

        if (g.WaitReason == WaitReason.None)
        {
            // Managed waits that nobody announces (Blocking) are locks: marking those costs too much.
            bool waits = m.Thread is Thread thread && (thread.ThreadState & ThreadState.WaitSleepJoin) != 0;
            g.WaitReason = g.Announced != WaitReason.None ? g.Announced : waits ? WaitReason.MonitorEnter : WaitReason.Syscall;
        }

        g.WaitSince = Clock.Now();
        g.ShortTurn = IsShortTurn(p, g.WaitSince);
        g.LostP = true;
        Interlocked.Increment(ref LostCount);
        g.CasStatus(GStatus.Running, GStatus.Syscall);
        return true;
    }

    /// <summary>sysmon's door to HandOffP for a P that it has just taken.</summary>
    internal static void HandOffTakenP(P p) => HandOffP(p);

    /// <summary>The calling thread, which the scheduler does not own, becomes an M with a goroutine and gets a P (Go: needm).</summary>
    internal static void NeedM(long id = 0)
    {
        EnsureStarted();
        NeedM(new M(AllMs.NextId(), isForeign: true), id);
    }

    /// <summary>The same with an M that is in no list: a new one, or the one that this thread had before.</summary>
    internal static void NeedM(M m, long id = 0)
    {
        if (m.Thread == null)
        {
            m.Bind();
        }
        else
        {
            AsyncPreempt.Register(m.Slot);
        }

        M.Current = m;
        BeginForeignG(m, id);
        ExitSyscallSlow(m, m.CurG!);
    }

    /// <summary>A goroutine for the code that runs on a foreign thread; it has no P yet.</summary>
    internal static void BeginForeignG(M m, long id = 0)
    {
        G g = new(id != 0 ? id : Interlocked.Increment(ref s_goid), 0, null) { IsForeign = true };
        AllGs.Add(g);
        Pin(m, g);
        m.CurG = g;
        g.CasStatus(GStatus.Idle, GStatus.Syscall);
        AllMs.Add(m);
    }

    /// <summary>Gives the thread back (Go: dropm). Its goroutine ends.</summary>
    internal static void DropM()
    {
        M m = M.Current!;
        EnterWithP(m);
        EndG(m);
        EndM(m);
    }

    /// <summary>The same unless sysmon has taken the P.</summary>
    internal static bool TryDropM(M m)
    {
        if (m.Dead || m.P is not P p || !p.TryEnter(m))
        {
            return false;
        }

        EndG(m);
        EndM(m);
        if (m.Adopted)
        {
            Interlocked.Decrement(ref Adoption.Count);
        }

        return true;
    }

    /// <summary>The goroutine of an adopted thread ends without its P. Under Adoption's lock: the thread and sysmon race for it.</summary>
    internal static void EndLostG(M m)
    {
        G g = m.CurG!;
        ForgetLostP(g);
        g.CasStatus(GStatus.Syscall, GStatus.Dead);
        Unpin(m, g);
        ClearPreempt(g);
        AllGs.Remove(g);
        StackRoom.Lower(m);
        AllMs.Remove(m);
        Interlocked.Decrement(ref Adoption.Count);
    }
}
