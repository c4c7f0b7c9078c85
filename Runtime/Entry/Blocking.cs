using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime;

/// <summary>
/// What woven code calls before and after a framework member that may block (the weaver's BlockingTable). The member itself is called as
/// ever. On threads without a goroutine all of this is one thread-static read.
/// </summary>
public static class Blocking
{
    /// <summary>Before a call that will wait: the goroutine's P goes to others.</summary>
    /// <param name="reason">A WaitReason.</param>
    public static void Enter(int reason)
    {
        if (M.Current is M m)
        {
            Scheduler.EnterBlocking(m, (WaitReason)reason);
        }
    }

    /// <summary>The same unless the receiver told that the call will not wait.</summary>
    /// <param name="ready">Not 0: it will not.</param>
    /// <param name="reason">A WaitReason.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EnterUnless(int ready, int reason)
    {
        if (ready == 0)
        {
            Enter(reason);
        }
    }

    /// <summary>The same if the receiver told that it will.</summary>
    /// <param name="waits">Not 0: it will.</param>
    /// <param name="reason">A WaitReason.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EnterIf(int waits, int reason)
    {
        if (waits != 0)
        {
            Enter(reason);
        }
    }

    /// <summary>After it. The goroutine waits for a P if it has none, as at a check.</summary>
    public static void Exit()
    {
        if (M.Current is M m && m.CurG is G g)
        {
            g.Announced = WaitReason.None;
            if (g.LostP || m.IsStopped)
            {
                Scheduler.ExitBlocking(m);
            }
        }
    }

    /// <summary>Before a call that may wait but mostly does not: sysmon will take the P if it does, and this says why it waits.</summary>
    /// <param name="reason">A WaitReason.</param>
    public static void Mark(int reason)
    {
        if (M.Current?.CurG is G g)
        {
            g.Announced = g.WaitReason = (WaitReason)reason;
        }
    }

    /// <summary>After it.</summary>
    public static void Unmark()
    {
        if (M.Current is M m && m.CurG is G g)
        {
            g.Announced = WaitReason.None;
            if (g.LostP || m.IsStopped)
            {
                Scheduler.ExitBlocking(m);
            }
            else
            {
                g.WaitReason = WaitReason.None;
            }
        }
    }
}
