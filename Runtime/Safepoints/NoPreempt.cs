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

    /// <summary>Called first in such code. Does nothing on threads without a goroutine.</summary>
    public static void Enter()
    {
        byte here;
        if (M.Current is M m && (m.NoPreemptMark == 0 || (nuint)(&here) > m.NoPreemptMark + SameFrame))
        {
            m.NoPreemptMark = (nuint)(&here);
        }
    }

    /// <summary>Called before it returns. An inner region's Exit leaves the outer one's mark alone.</summary>
    public static void Exit()
    {
        byte here;
        if (M.Current is M m && m.NoPreemptMark != 0 && (nuint)(&here) + SameFrame >= m.NoPreemptMark)
        {
            m.NoPreemptMark = 0;
        }
    }

    /// <summary>Whether the marked frame is gone; forgets it then.</summary>
    internal static bool HasLeft(M m, nuint stackPointer)
    {
        if (stackPointer < m.NoPreemptMark + SameFrame)
        {
            return false;
        }

        m.NoPreemptMark = 0;
        return true;
    }
}
