using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>What sysmon saw of an M that a signal has stopped.</summary>
internal struct Repark
{
    /// <summary>The slot's count of releases that has been answered.</summary>
    internal long Seen;

    /// <summary>When it was last told to park, when it may be told again, and how long it had to wait for that.</summary>
    internal long At;
    internal long Next;
    internal long Delay;
}

/// <content>
/// Goroutines stopped by a signal (Go: preempt.go). The handler has changed the P's word from (Running, m) to (Preempted, m) and
/// parked the thread, or has not: that CAS is the whole decision, and its failure means the signal met the scheduler's own
/// code. sysmon then moves the goroutine: it is runnable and pinned like any other, only that its thread can't be handed a
/// P through M.NextP, for it sleeps in the handler. So whoever picks it does its Execute in its place and wakes it.
///
/// A collection lets all parked threads go. Such a thread parks again by itself (native/preempt.c). One that first has to come to a
/// place where CoreCLR can suspend it runs user code without a P while its goroutine is in a queue: sysmon stops it again, or
/// at a check or a call of the scheduler it waits and takes a P by M.NextP as usual. Who is first, the picker or the thread, is one
/// CAS on Slot.Stop: Stopped to Resuming (picker) or Stopped to Waiting (thread).
/// </content>
internal static unsafe partial class Scheduler
{
    /// <summary>A release so soon after parking means that somebody suspends the process again and again.</summary>
    private const long ShortParkNs = 10_000_000;

    private const long MinReparkNs = 1_000_000;
    private const long MaxReparkNs = 100_000_000;

    /// <summary>How many goroutines a signal has stopped and nobody has resumed yet. sysmon watches them.</summary>
    internal static int StoppedCount;

    /// <summary>Sends the signal if it can help now (Go: preemptM). sysmon only. True: sent now, and an answer can be waited for.</summary>
    internal static bool PreemptM(M m, long now)
    {
        MSlot* slot = m.Slot;
        if (slot->Refused[(int)AsyncRefusal.UnknownCode] != m.UnknownCodeSeen)
        {
            m.UnknownCodeSeen = slot->Refused[(int)AsyncRefusal.UnknownCode];
            AsyncPreempt.ReadCodeMaps(now);
        }

        return AsyncPreempt.Send(slot);
    }

    /// <summary>sysmon found that a signal has stopped the M of <paramref name="p"/>: its goroutine goes to the global queue, its P to somebody else (Go: preemptPark).</summary>
    internal static void PreemptPark(P p, M m)
    {
        G g = m.LockedG!;
        g.WaitReason = WaitReason.Preempted;
        g.WaitSince = Clock.Now();
        g.Row->PreemptedBySignal++;
        PreemptionsBySignal++;
        Interlocked.Increment(ref StoppedCount);
        g.CasStatus(GStatus.Running, GStatus.Preempted);
        ClearPreempt(g);
        m.Repark = new Repark { Seen = m.Repark.Seen, At = g.WaitSince, Delay = m.Repark.Delay };
        if (!p.TryTake(m, PStatus.Preempted))
        {
            RuntimePanic.Throw($"preemptpark: p{p.Id} is {p.Status} of m{p.Owner}, want Preempted of m{m.Id}");
        }

        RunQ.Lock.Lock();
        g.CasStatus(GStatus.Preempted, GStatus.Runnable);
        RunQ.Put_NeedsLock(g);
        RunQ.Lock.Unlock();
        HandOffP(p, m);
    }

    /// <summary>
    /// A goroutine came back from native code without a P and meets no check: it gets an idle P, or it is from here on one that a
    /// signal stops, in the queue for its turn. True: send the signal.
    /// </summary>
    internal static bool QueueLost(M m, long now)
    {
        Adoption.Lock.Lock();
        RunQ.Lock.Lock();
        P? idle = null;
        G? g = m.CurG;
        bool queue = g is { LostP: true, Status: GStatus.Syscall } && !m.Dead && !m.IsStopped && !SysMon.IsInNativeCode(m);
        if (queue)
        {
            // The partners are ExitSyscallSlow and, for adopted threads, Adoption, each under one of the locks.
            g!.LostP = false;
            Interlocked.Decrement(ref LostCount);
            Interlocked.Increment(ref StoppedCount);
            Interlocked.Exchange(ref m.Slot->Stop, (int)StopState.Stopped);
            g.WaitReason = WaitReason.Preempted;
            g.WaitSince = now;
            g.CasStatus(GStatus.Syscall, GStatus.Runnable);
            ClearPreempt(g);
            idle = PIdleGet_NeedsLock();
            if (idle == null)
            {
                RunQ.Put_NeedsLock(g);
            }

            m.Repark = new Repark { Seen = m.Slot->Released, At = now, Next = now + MinReparkNs };
        }

        RunQ.Lock.Unlock();
        Adoption.Lock.Unlock();
        if (idle != null)
        {
            GiveP(idle, g!, inheritTime: false);
        }

        return queue && idle == null;
    }

    /// <summary>Gives a P to a goroutine that a signal stopped. False: its M waits for M.NextP like any other.</summary>
    private static bool ResumeStopped(M m, P p, G g, bool inheritTime)
    {
        if (!m.IsStopped
            || Interlocked.CompareExchange(ref m.Slot->Stop, (int)StopState.Resuming, (int)StopState.Stopped) != (int)StopState.Stopped)
        {
            return false;
        }

        p.Wire(m);
        m.P = p;
        m.Slot->PState = p.StateWord;
        g.CasStatus(GStatus.Runnable, GStatus.Running);
        g.WaitReason = WaitReason.None;
        g.Row->Turns++;
        ClearPreempt(g);
        if (!inheritTime)
        {
            p.SchedTick++;
            p.SliceStart = Clock.Now();
        }

        long earliest = p.Timers.Earliest;
        p.Leave(m);
        Interlocked.Decrement(ref StoppedCount);

        // Pairs with Stop in native/preempt.c: this leaves Resuming, then looks whether the thread is in the handler; a thread that
        // parks again says so, then looks whether it is still Stopped.
        Interlocked.Exchange(ref m.Slot->Stop, (int)StopState.None);
        AsyncPreempt.Resume(m.Slot);
        if (Volatile.Read(ref m.Slot->Handler) == (int)HandlerState.Out)
        {
            CpuPlacement.RestoreFromOutside(m);
        }

        if (earliest != 0)
        {
            SysMon.NoteDeadline(earliest);
        }

        return true;
    }

    /// <summary>A thread that a collection let go has come to a check or to the scheduler: it waits here for its turn.</summary>
    private static void WaitStopped(M m)
    {
        if (Interlocked.CompareExchange(ref m.Slot->Stop, (int)StopState.Waiting, (int)StopState.Stopped) == (int)StopState.Stopped)
        {
            Interlocked.Decrement(ref StoppedCount);
            G g = m.CurG!;
            m.P = null;
            m.CurG = null;
            G? next = StopM(m, out bool inheritTime);
            if (next != g)
            {
                RuntimePanic.Throw($"waitstopped: m{m.Id} resumed with g{next?.Id}, want g{g.Id}");
            }

            Volatile.Write(ref m.Slot->Stop, (int)StopState.None);
            Execute(m, g, inheritTime);
            return;
        }

        // Somebody is giving it a P at this moment.
        SpinWait spin = default;
        while (m.IsStopped)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>Whether a signal stopped the M's goroutine and a collection has let its thread go since.</summary>
    internal static bool WasReleased(M m) =>
        Volatile.Read(ref m.Slot->Stop) == (int)StopState.Stopped && Volatile.Read(ref m.Slot->Handler) == (int)HandlerState.Out;

    /// <summary>
    /// When a released thread may be parked again: at once after a collection, later and later if it is let go each time it has
    /// hardly been parked (a sampling profiler suspends everything a thousand times a second; parking is then of no use).
    /// </summary>
    internal static bool MayPark(M m, long now)
    {
        ref Repark repark = ref m.Repark;
        if (m.Slot->Released != repark.Seen)
        {
            repark.Seen = m.Slot->Released;
            repark.Delay = now - repark.At < ShortParkNs ? Math.Clamp(repark.Delay * 2, MinReparkNs, MaxReparkNs) : 0;
            repark.Next = now + repark.Delay;
        }

        if (now < repark.Next)
        {
            return false;
        }

        repark.At = now;
        repark.Next = now + MinReparkNs;
        return true;
    }
}
