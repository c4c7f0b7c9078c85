namespace ILPreempt.Runtime.Scheduling;

/// <content>
/// Calls that woven code announces (Blocking). A goroutine that will wait gives its P away as if sysmon had taken it: LostP, state
/// Syscall. That is a state in which any code may run: a wait that runs other code of the program on this thread meanwhile
/// (Task.Wait runs a task inline, a Barrier its action) meets a check there, gets a P like everybody who lost his, and Exit finds
/// nothing to do; an exception that passes Exit leaves a goroutine that gets its P at the next check.
/// Rejected: EnterSyscallBlock and ExitSyscall around the call, which must pair and must not nest.
/// </content>
internal static unsafe partial class Scheduler
{
    /// <summary>The running goroutine is about to wait in place: its P goes to another M at once.</summary>
    internal static void EnterBlocking(M m, WaitReason reason)
    {
        byte here;
        if (m.Slot->Locks != 0 || m.CurG is not G g || NoPreempt.IsInside(m, (nuint)(&here)))
        {
            return;
        }

        g.Announced = reason;
        if (m.P is not P p || !p.TryEnter(m))
        {
            if (g.LostP)
            {
                g.WaitReason = reason;
            }

            return;
        }

        // Once it is LostP a signal may stop it, with the P in this frame and nowhere else: not before somebody else has the P.
        m.Slot->Locks++;
        p.SyscallTick++;
        m.OldP = null;
        ReleaseP(m);
        g.WaitReason = reason;
        g.WaitSince = Platform.Clock.Now();
        g.ShortTurn = IsShortTurn(p, g.WaitSince);
        g.LostP = true;
        Interlocked.Increment(ref LostCount);
        g.CasStatus(GStatus.Running, GStatus.Syscall);
        ClearPreempt(g);
        HandOffP(p);
        m.Slot->Locks--;
    }

    /// <summary>The wait is over, or another that cost the goroutine its P: wait for one. Not where nothing may be stopped.</summary>
    internal static void ExitBlocking(M m)
    {
        byte here;
        if (m.Slot->Locks == 0 && !NoPreempt.IsInside(m, (nuint)(&here)))
        {
            RegainP(m);
        }
    }
}
