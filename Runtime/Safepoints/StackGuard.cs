namespace ILPreempt.Runtime;

/// <summary>The check that woven code carries: <c>if (Poll != 0) MoreStack();</c>.</summary>
public static class StackGuard
{
    /// <summary>Nonzero while any goroutine is asked to stop. Woven code reads it with a volatile load.</summary>
    public static int Poll;

    /// <summary>The slow path of the check (Go: morestack).</summary>
    public static void MoreStack()
    {
    }
}
