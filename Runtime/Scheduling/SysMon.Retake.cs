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

/// <content>
/// Whose P is free or due (Go: retake): a slice that is over while somebody waits is asked to end, a thread in native code loses its P,
/// one that a signal has stopped is moved aside.
/// </content>
internal static partial class SysMon
{
    /// <summary>
    /// How long a thread must have been in native code before its P is taken. Go's 20 us. When nobody waits it is MaxDelayNs:
    /// a P that only looks busy would keep sysmon awake in an idle process.
    /// </summary>
    private const long RetakeNs = 20_000;

    private static int s_overdue;

    internal static long Retakes;

    /// <summary>
    /// Whether the M's thread is blocked or in native code. Where CoreCLR's flag can't be found, the thread's own state still
    /// tells waits, sleeps and joins: without that much, a goroutine that waits for a lock which a stopped one holds would
    /// keep the last P for ever.
    /// </summary>
    internal static bool IsInNativeCode(M m) => m.NativeThread != 0
        ? ThreadMode.IsPreemptive(m.NativeThread)
        : m.Thread is Thread thread && (thread.ThreadState & ThreadState.WaitSleepJoin) != 0;

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
                if (status == PStatus.Scheduling && (urgent > 0 || Scheduler.HasDueTimer(p, now)))
                {
                    // It may have looked for who is due a moment ago, and read s_nextWake while sysmon was about to wake up by itself.
                    next = Math.Min(next, now + MinDelayNs);
                }

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

                // Not m: it may have passed the P on meanwhile, and the next one was stopped by the signal that was on its way.
                if (p.Status == PStatus.Preempted && p.M is M stoppedNow)
                {
                    Scheduler.PreemptPark(p, stoppedNow);
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
}
