namespace ILPreempt.Runtime;

/// <summary>Marks code in which a goroutine is never stopped: class constructors, filters, UnmanagedCallersOnly methods.</summary>
public static class NoPreempt
{
    /// <summary>Called first in such code.</summary>
    public static void Enter()
    {
    }

    /// <summary>Called before it returns; a missing call is healed when the stack rises above the frame that entered.</summary>
    public static void Exit()
    {
    }
}
