using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <content>
/// How a goroutine leaves its P and comes back: Mcall, GoPark, GoReady, GoSched, GoPreemptM. This is the only place that knows
/// how a goroutine waits. Today it waits on its own thread (pinned); one whose frames can be captured may later leave the
/// thread here (detached) without any caller changing: callers know only that GoPark returns when the goroutine runs again,
/// perhaps on another M, so none may keep an M across it.
/// </content>
internal static unsafe partial class Scheduler
{
    /// <summary>
    /// Leaves the running goroutine and schedules (Go: mcall). <paramref name="leave"/> runs with the P held and must move
    /// the goroutine out of Running and clear m.CurG; false means it was put back and goes on at once. Returns when the
    /// goroutine runs again.
    /// </summary>
    private static void Mcall(delegate*<M, G, bool> leave)
    {
        M m = M.Current!;
        EnterWithP(m);
        G g = m.CurG!;
        if (!leave(m, g))
        {
            return;
        }

        G next = Schedule(m, out bool inheritTime);
        if (next != g)
        {
            RuntimePanic.Throw($"mcall: m{m.Id} resumed with g{next.Id}, want g{g.Id}");
        }

        Execute(m, next, inheritTime);
    }

    /// <summary>
    /// Parks the calling goroutine until GoReady (Go: gopark). <paramref name="commit"/> runs after the state has become
    /// Waiting, with the P held: it publishes the goroutine to its waker (releases a lock, arms a timer). That order closes
    /// the lost-wake-up window. False from it means: do not wait after all.
    /// </summary>
    internal static void GoPark(Func<G, object?, bool>? commit, object? argument, WaitReason reason)
    {
        M m = M.Current!;
        m.ParkCommit = commit;
        m.ParkArgument = argument;
        m.ParkReason = reason;
        Mcall(&ParkM);
    }

    private static bool ParkM(M m, G g)
    {
        Func<G, object?, bool>? commit = m.ParkCommit;
        object? argument = m.ParkArgument;
        m.ParkCommit = null;
        m.ParkArgument = null;
        g.WaitReason = m.ParkReason;
        g.WaitSince = Clock.Now();
        g.CasStatus(GStatus.Running, GStatus.Waiting);
        ClearPreempt(g);
        m.CurG = null;
        if (commit == null || commit(g, argument))
        {
            return true;
        }

        g.CasStatus(GStatus.Waiting, GStatus.Runnable);
        Execute(m, g, inheritTime: true);
        return false;
    }

    /// <summary>Makes a parked goroutine runnable (Go: goready). Callable from any thread; exactly once per park.</summary>
    internal static void GoReady(G g)
    {
        M? m = AcquireM();
        g.CasStatus(GStatus.Waiting, GStatus.Runnable);
        Submit(g, next: true);
        ReleaseM(m);
    }

    /// <summary>Lets others run: the goroutine goes to the tail of the global queue (Go: Gosched).</summary>
    internal static void GoSched() => Mcall(&GoSchedImpl);

    /// <summary>The same because its slice is over (Go: gopreempt_m).</summary>
    internal static void GoPreemptM(G g)
    {
        g.Row->PreemptedByCheck++;
        Interlocked.Increment(ref PreemptionsByCheck);
        Mcall(&GoSchedImpl);
    }

    private static bool GoSchedImpl(M m, G g)
    {
        g.CasStatus(GStatus.Running, GStatus.Runnable);
        ClearPreempt(g);
        m.CurG = null;

        m.Slot->Cpu = Libc.CurrentCpu();

        // Its slice ends here; a goroutine that a timer now puts into runnext inherits a fresh one.
        m.P!.SliceStart = Clock.Now();
        if (ScheduleFuzz.On && ScheduleFuzz.Toss(4))
        {
            m.P.RunQueue.Put(g, next: false, RunQ);
        }
        else
        {
            RunQ.Lock.Lock();
            RunQ.Put_NeedsLock(g);
            RunQ.Lock.Unlock();
        }

        WakeP();
        return true;
    }

    /// <summary>Parks the calling goroutine for <paramref name="ns"/> nanoseconds, never less (Go: timeSleep).</summary>
    internal static void Sleep(long ns)
    {
        if (ns <= 0)
        {
            GoSched();
            return;
        }

        G g = M.Current!.CurG!;
        SchedTimer timer = g.SleepTimer ??= new SchedTimer(static o => GoReady((G)o), g);
        long now = Clock.Now();
        g.Row->WaitUntil = timer.When = ns > long.MaxValue - now ? long.MaxValue : now + ns;
        GoPark(static (g, t) => ArmTimer((SchedTimer)t!), timer, WaitReason.Sleep);
    }

    /// <summary>
    /// The timer is armed after the goroutine has become Waiting, else it could fire first. No poke: the M that runs this is
    /// about to look for work and learns of the timer there.
    /// </summary>
    private static bool ArmTimer(SchedTimer timer)
    {
        M.Current!.P!.Timers.Add(timer, timer.When);
        return true;
    }
}
