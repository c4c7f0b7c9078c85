using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Runtime.Scheduling;

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
internal static partial class SysMon
{
    private const long MinDelayNs = 20_000;
    private const long MaxDelayNs = 10_000_000;
    private const int IdleRounds = 50;

    /// <summary>What Linux grants at least: sysmon runs for some tens of us at a time, and goes first when it wakes up beside hogs.</summary>
    private const ulong ShortestKernelSliceNs = 100_000;

    /// <summary>Where sysmon sleeps. A thread that a signal has stopped wakes it.</summary>
    internal static readonly Note Note = new();

    private static long s_nextWake = long.MaxValue;
    private static int s_deepSleep;

    internal static long Rounds;

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

    private static void Run()
    {
        // The default slack of 50 us is more than the shortest sleep.
        if (OperatingSystem.IsLinux())
        {
            const int PrSetTimerSlack = 29;
            _ = Libc.PrCtl(PrSetTimerSlack, 1, 0, 0, 0);
        }

        KernelSlice.Ask(ShortestKernelSliceNs);
        CpuPlacement.Start();
        CpuAlarm.Bind();
        int idle = 0;
        long delay = MinDelayNs;
        long nextTrace = Settings.SchedTraceMs > 0 ? Clock.Now() : long.MaxValue;
        while (true)
        {
            Rounds++;
            long now = Clock.Now();
            s_maySend = AsyncPreempt.MaySend(now);
            long next = FireTimers(now);
            next = Math.Min(next, Retake(now, out bool retook));
            next = Math.Min(next, WatchThoseWithoutP(now));
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
}
