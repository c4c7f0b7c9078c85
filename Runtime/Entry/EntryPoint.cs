using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime;

/// <summary>
/// What a woven entry point calls first and before each return: the program's main thread becomes an M and its code
/// goroutine 1. The calls stand in the entry point itself; a wrapper around it would show in the trace of a crash.
/// </summary>
public static class EntryPoint
{
    private static int s_claimed;

    [ThreadStatic]
    private static int t_depth;

    /// <summary>
    /// Turns the calling thread's code into goroutine 1. Only the first caller in the process does; a program may call its
    /// own Main again, and a test runner may call it from any thread.
    /// </summary>
    public static void Enter()
    {
        if (t_depth > 0)
        {
            t_depth++;
        }
        else if (Interlocked.CompareExchange(ref s_claimed, 1, 0) == 0)
        {
            t_depth = 1;
            Scheduler.NeedM(id: 1);
        }
    }

    /// <summary>Ends goroutine 1. The process then ends as .NET ends it.</summary>
    public static void Exit()
    {
        if (t_depth > 0 && --t_depth == 0)
        {
            Scheduler.DropM();
        }
    }
}
