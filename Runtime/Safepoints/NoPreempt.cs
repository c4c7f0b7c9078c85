using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime;

/// <summary>
/// Marks code in which a goroutine is never stopped: class constructors (others would wait on a lock that nothing sees),
/// filters (the runtime's first pass is below them) and UnmanagedCallersOnly methods (native callers may hold locks).
/// The mark is the stack position of the outermost such frame, not a counter: a check that runs above it proves that the
/// frame is gone, however it was left, so no try/finally is woven around anything.
/// </summary>
public static unsafe class NoPreempt
{
    /// <summary>
    /// Enter, Exit and the check are called from one frame, so what they see of the stack differs by the size of their own
    /// frames. The frame above a marked one is the runtime's (constructor trigger, exception dispatch, reverse P/Invoke), far
    /// larger than this.
    /// </summary>
    private const nuint SameFrame = 512;

    /// <summary>The mark of a thread without an M, which must not be adopted in such code.</summary>
    [ThreadStatic]
    private static nuint t_mark;

    /// <summary>Called first in such code.</summary>
    public static void Enter()
    {
        byte here;
        ref nuint mark = ref Mark(M.Current);
        if (mark == 0 || (nuint)(&here) > mark + SameFrame)
        {
            mark = (nuint)(&here);
        }
    }

    /// <summary>Called before it returns. An inner region's Exit leaves the outer one's mark alone.</summary>
    public static void Exit()
    {
        byte here;
        ref nuint mark = ref Mark(M.Current);
        if (mark != 0 && (nuint)(&here) + SameFrame >= mark)
        {
            mark = 0;
        }
    }

    /// <summary>Whether a check at this stack position is inside such code. Forgets a mark whose frame is gone.</summary>
    internal static bool IsInside(M? m, nuint stackPointer)
    {
        ref nuint mark = ref Mark(m);
        if (mark == 0)
        {
            return false;
        }

        if (stackPointer < mark + SameFrame)
        {
            return true;
        }

        mark = 0;
        return false;
    }

    /// <summary>The thread is no M any more.</summary>
    internal static void MoveMarkFrom(M m)
    {
        t_mark = m.Slot->NoPreemptMark;
        m.Slot->NoPreemptMark = 0;
    }

    private static ref nuint Mark(M? m)
    {
        if (m != null)
        {
            return ref m.Slot->NoPreemptMark;
        }

        return ref t_mark;
    }
}
