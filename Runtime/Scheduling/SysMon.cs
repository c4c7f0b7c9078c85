using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>What sysmon saw of a P in its last rounds.</summary>
internal struct SysMonTick
{
    internal uint SchedTick;
    internal uint SyscallTick;
    internal long NativeSince;
    internal int NativeCollections;
    internal Request Request;
}

/// <summary>A request to stop that sysmon made, when, and when a signal may follow it.</summary>
internal struct Request
{
    internal G? Asked;
    internal long Since;
    internal long NextSignal;
    internal long SignalDelay;
}

/// <summary>
/// The monitor thread (Go: sysmon). It has no P, so nothing can keep it from running. Each round it sees to timers of busy Ps,
/// marks goroutines whose slice is over while somebody waits, takes Ps from threads that sit in native code, watches for
/// deep stacks and prints the schedtrace line.
///
/// It sleeps 20 us, doubling to 10 ms when nothing happens, as in Go, but never past a moment it knows of (end of a slice,
/// a timer): so a slice ends within a millisecond of its 10, not at 10 to 20. Nobody waiting means nobody is preempted; the
/// P is then remembered as overdue, and whoever becomes ready without finding a P pokes sysmon.
/// The poke race: a poker stores its work, then reads s_nextWake; sysmon stores s_nextWake, then reads the work. Either
/// the poker wakes it or it sees the work.
/// </summary>
internal static class SysMon
{
    private const long MinDelayNs = 20_000;
    private const long MaxDelayNs = 10_000_000;
    private const int IdleRounds = 50;

    /// <summary>For each goroutine without a P, how long until all of them are looked at again.</summary>
    private const long WatchNs = 1_000;

    /// <summary>How long a request keeps the poll word raised, and how long until it is raised again. Guesses: a check comes every few us in woven code.</summary>
    private const long GraceNs = 1_000_000;
    private const long AskAgainNs = 10_000_000;

    /// <summary>
    /// How long a thread must have been in native code before its P is taken. Go's 20 us. When nobody waits it is MaxDelayNs:
    /// a P that only looks busy would keep sysmon awake in an idle process.
    /// </summary>
    private const long RetakeNs = 20_000;

    /// <summary>How soon a signal is repeated that met native or unknown code, and how late at most.</summary>
    private const long MinSignalDelayNs = 100_000;
    private const long MaxSignalDelayNs = 400_000;

    /// <summary>How long the answer to a signal is waited for without sleeping.</summary>
    private const long AnswerNs = 30_000;

    /// <summary>Where sysmon sleeps. A thread that a signal has stopped wakes it.</summary>
    internal static readonly Note Note = new();

    private static readonly Action<M> s_findWithoutP = FindWithoutP;
    private static readonly List<M> s_withoutP = new(64);
    private static long s_watchNow;
    private static long s_watchNext;
    private static bool s_maySend;
    private static long s_nextWake = long.MaxValue;
    private static int s_overdue;
    private static int s_deepSleep;

    internal static long Rounds;
    internal static long Retakes;

    internal static void Start()
    {
        Thread thread = new(Run, 256 * 1024) { IsBackground = true, Name = "ILPreempt sysmon" };
        thread.UnsafeStart();
    }

    /// <summary>Makes sysmon look now.</summary>
    internal static void Poke()
    {
        Note.Wakeup();
        CpuAlarm.Wakeup();
    }

    /// <summary>Something is due at <paramref name="when"/>, perhaps before sysmon would wake.</summary>
    internal static void NoteDeadline(long when)
    {
        if (when < Volatile.Read(ref s_nextWake))
        {
            Poke();
        }
    }

    /// <summary>A goroutine became ready and no P was idle: if one runs past its slice, it is time to end it.</summary>
    internal static void SomebodyBecameReady()
    {
        if (Volatile.Read(ref s_overdue) != 0 && Volatile.Read(ref Scheduler.NPIdle) == 0)
        {
            Poke();
        }
    }

    /// <summary>A P goes to work.</summary>
    internal static void WakeFromDeepSleep()
    {
        if (Volatile.Read(ref s_deepSleep) != 0)
        {
            Poke();
        }
    }

    /// <summary>
    /// Whether the M's thread is blocked or in native code. Where CoreCLR's flag can't be found, the thread's own state still
    /// tells waits, sleeps and joins: without that much, a goroutine that waits for a lock which a stopped one holds would
    /// keep the last P for ever.
    /// </summary>
    internal static bool IsInNativeCode(M m) => m.NativeThread != 0
        ? ThreadMode.IsPreemptive(m.NativeThread)
        : m.Thread is Thread thread && (thread.ThreadState & ThreadState.WaitSleepJoin) != 0;

    private static void Run()
    {
        // The default slack of 50 us is more than the shortest sleep.
        if (OperatingSystem.IsLinux())
        {
            const int PrSetTimerSlack = 29;
            _ = Libc.PrCtl(PrSetTimerSlack, 1, 0, 0, 0);
        }

        CpuAlarm.Bind();
        int idle = 0;
        long delay = MinDelayNs;
        long watch = 0;
        long nextTrace = Settings.SchedTraceMs > 0 ? Clock.Now() : long.MaxValue;
        while (true)
        {
            Rounds++;
            long now = Clock.Now();
            s_maySend = AsyncPreempt.MaySend(now);
            long next = FireTimers(now);
            next = Math.Min(next, Retake(now, out bool retook));
            int withoutP = Volatile.Read(ref Scheduler.LostCount) + Volatile.Read(ref Scheduler.StoppedCount);
            if (withoutP != 0 && now >= watch)
            {
                // Thousands may wait in blocking calls: what the walk costs is kept to some per cent.
                watch = now + (withoutP * WatchNs);
                s_watchNow = now;
                s_watchNext = long.MaxValue;
                AllMs.ForEach(s_findWithoutP);
                foreach (M m in s_withoutP)
                {
                    WatchWithoutP(m);
                }

                s_withoutP.Clear();
                next = Math.Min(next, s_watchNext);
            }

            next = Math.Min(next, AdoptionTick.Round(now));
            next = Math.Min(next, LateStart.Round(now));
            if (now >= nextTrace)
            {
                Libc.WriteError(SchedTrace.Line(now));
                nextTrace = now + (Settings.SchedTraceMs * 1_000_000L);
            }

            idle = retook ? 0 : idle + 1;
            delay = idle <= IdleRounds ? MinDelayNs : Math.Min(delay * 2, MaxDelayNs);
            bool deep = delay == MaxDelayNs && Volatile.Read(ref Scheduler.NPIdle) == Scheduler.Procs && !AdoptionTick.IsBusy;
            if (deep)
            {
                Deadlock.Look();
            }

            long wake = Math.Min(Math.Min(next, nextTrace), deep ? long.MaxValue : now + delay);
            SleepUntil(wake, deep);
            if (deep && Volatile.Read(ref Scheduler.NPIdle) != Scheduler.Procs)
            {
                idle = 0;
            }
        }
    }

    private static void SleepUntil(long wake, bool deep)
    {
        Volatile.Write(ref s_nextWake, wake);
        if (deep)
        {
            Volatile.Write(ref s_deepSleep, 1);
        }

        Interlocked.MemoryBarrier();
        bool stillDeep = !deep || Volatile.Read(ref Scheduler.NPIdle) == Scheduler.Procs;
        long deadline = wake == long.MaxValue ? -1 : wake;
        if (deep && stillDeep)
        {
            CpuAlarm.Sleep(Note, AdoptionTick.CpuUntilBusy, deadline);
        }
        else if (stillDeep)
        {
            Note.Sleep(deadline);
        }

        // While a round runs every new deadline pokes: the round may already have passed the place where it would see it.
        Volatile.Write(ref s_deepSleep, 0);
        Volatile.Write(ref s_nextWake, long.MaxValue);
    }

    /// <summary>
    /// Sees to due timers and returns when the next one is due. A busy P runs its own at its next switch, where the goroutine
    /// gets into runnext and so is next; a due timer counts as somebody who waits, which ends the running slice on time. Only
    /// those of a P that does not get to it (its goroutine never checks) are run here, for any other P to find.
    /// </summary>
    private static long FireTimers(long now)
    {
        long next = long.MaxValue;
        bool due = false;
        foreach (P p in Scheduler.AllP)
        {
            long earliest = p.Timers.Earliest;
            if (earliest != 0 && earliest <= now)
            {
                due = true;
                if (now - earliest < Settings.SliceNs + GraceNs)
                {
                    next = Math.Min(next, earliest + Settings.SliceNs + GraceNs);
                    continue;
                }

                Scheduler.RunLateTimers(p, now);
                earliest = p.Timers.Earliest;
            }

            if (earliest != 0)
            {
                next = Math.Min(next, earliest);
            }
        }

        if (due && Volatile.Read(ref Scheduler.NPIdle) != 0)
        {
            Scheduler.WakeP();
        }

        return next;
    }

    /// <summary>Ends slices and takes Ps (Go: retake). Returns the next moment at which a slice ends.</summary>
    private static long Retake(long now, out bool retook)
    {
        retook = false;
        bool waits = Scheduler.SomebodyWaits();
        bool overdue = false;
        int urgent = Scheduler.RunQ.Late;
        long next = long.MaxValue;
        foreach (P p in Scheduler.AllP)
        {
            PStatus status = p.Status;
            if (status == PStatus.Preempted && p.M is M stopped)
            {
                Scheduler.PreemptPark(p, stopped);
                p.Seen = default;
                continue;
            }

            if (p.M is not M m || (status != PStatus.Running && status != PStatus.Syscall))
            {
                p.Seen = default;
                continue;
            }

            ref SysMonTick seen = ref p.Seen;
            if (seen.SchedTick != p.SchedTick || seen.SyscallTick != p.SyscallTick)
            {
                if (seen.Request.Asked is G before && before != m.CurG)
                {
                    Scheduler.LowerPoll(before);
                }

                seen = new SysMonTick { SchedTick = p.SchedTick, SyscallTick = p.SyscallTick };
            }

            StackRoom.Watch(m);
            if (status == PStatus.Syscall || IsInNativeCode(m))
            {
                overdue = true;
                if (seen.NativeSince == 0)
                {
                    seen.NativeSince = now;
                    seen.NativeCollections = GC.CollectionCount(0);
                    next = Math.Min(next, waits ? now + RetakeNs : long.MaxValue);
                }
                else if (now - seen.NativeSince >= (waits ? RetakeNs : MaxDelayNs))
                {
                    if (status == PStatus.Running && now < p.SliceStart + Settings.SliceNs && !IsBlocked(m, ref seen))
                    {
                        next = Math.Min(next, now + Math.Max(RetakeNs, (now - seen.NativeSince) / 2));
                    }
                    else
                    {
                        retook |= Take(p, m, status);
                    }
                }

                continue;
            }

            seen.NativeSince = 0;
            long end = p.SliceStart + (urgent > 0 || Scheduler.HasDueTimer(p, now) ? Scheduler.WakeupSliceNs : Settings.SliceNs);
            if (now < end && !Scheduler.WorldStopping)
            {
                next = Math.Min(next, end);
            }
            else if (!waits && !Scheduler.WorldStopping)
            {
                overdue = true;
            }
            else
            {
                urgent--;
                next = Math.Min(next, Ask(m.CurG, GStatus.Running, ref seen.Request, now));
                next = Math.Min(next, AskBySignal(m, ref seen.Request, now));
                if (p.Status == PStatus.Preempted)
                {
                    Scheduler.PreemptPark(p, m);
                    p.Seen = default;
                }
            }
        }

        Volatile.Write(ref s_overdue, overdue ? 1 : 0);
        if (overdue && !waits)
        {
            // The partner of SomebodyBecameReady: it puts the goroutine, then reads s_overdue.
            Interlocked.MemoryBarrier();
            if (Scheduler.SomebodyWaits())
            {
                next = now;
            }
        }

        return next;
    }

    /// <summary>Marks the goroutine; keeps the poll word raised for a grace, then lowers it and asks again later. Returns when to look next.</summary>
    private static long Ask(G? g, GStatus status, ref Request request, long now)
    {
        if (g == null)
        {
            return long.MaxValue;
        }

        if (request.Asked == g && now - request.Since < AskAgainNs)
        {
            if (now - request.Since >= GraceNs)
            {
                Scheduler.LowerPoll(g);
                return request.Since + AskAgainNs;
            }

            return request.Since + GraceNs;
        }

        Scheduler.Mark(g, status);
        request = new Request { Asked = g, Since = now, NextSignal = now + Settings.PreemptGraceNs, SignalDelay = MinSignalDelayNs };
        return now + GraceNs;
    }

    /// <summary>
    /// The request was not answered at a check: a signal follows, and is repeated while it meets code in which a thread can't
    /// be stopped. Returns when to look next.
    /// </summary>
    private static long AskBySignal(M m, ref Request request, long now)
    {
        if (!MayStopMore())
        {
            return long.MaxValue;
        }

        if (now >= request.NextSignal)
        {
            if (Scheduler.PreemptM(m, now))
            {
                AwaitAnswer(m);
            }

            request.NextSignal = now + request.SignalDelay;
            request.SignalDelay = Math.Min(request.SignalDelay * 2, MaxSignalDelayNs);
        }

        return request.NextSignal;
    }

    /// <summary>
    /// A thread that runs answers within some microseconds. Sleeping meanwhile costs the P three to ten times as much: sysmon would have
    /// to be woken before it can pass the P on. One that is on no CPU answers some milliseconds later, and is waited for once, not at
    /// each repetition.
    /// </summary>
    private static unsafe void AwaitAnswer(M m)
    {
        if (Environment.ProcessorCount == 1)
        {
            return;
        }

        long until = Clock.Now() + AnswerNs;
        while (Volatile.Read(ref m.Slot->SignalPending) != 0 && Clock.Now() < until)
        {
            Thread.SpinWait(4);
        }
    }

    /// <summary>
    /// Whether a thread in native code waits for something. One that compiles a method, say, or waits only for a collection to
    /// end, may keep its P for the rest of its slice: taking it would have more threads running than there are Ps.
    /// </summary>
    private static bool IsBlocked(M m, ref SysMonTick seen)
    {
        int collections = GC.CollectionCount(0);
        if (collections != seen.NativeCollections)
        {
            seen.NativeCollections = collections;
            return false;
        }

        return !ThreadMode.IsRunnable(m.Tid);
    }

    /// <summary>Each stopped thread makes collections longer, so there is a limit.</summary>
    private static bool MayStopMore() => s_maySend && Volatile.Read(ref Scheduler.StoppedCount) < Settings.MaxStopped;

    private static bool Take(P p, M m, PStatus status)
    {
        bool taken = status == PStatus.Syscall
            ? p.TryTake(m, PStatus.Syscall)
            : Scheduler.TakeRunningP(p, m, PStatus.Idle);
        if (taken)
        {
            Retakes++;
            Tracing.Retake(p, m);
            p.SyscallTick++;
            p.Seen = default;
            Scheduler.HandOffTakenP(p);
        }

        return taken;
    }

    // What follows takes locks that come before AllMs'.
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
