using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Loading;

namespace ILPreempt.Runtime.Platform;

/// <summary>
/// What the scheduler needs of .NET's thread pool and the pool does not offer publicly: telling a worker's work items apart
/// (the worker's own counter of completed items), and telling the pool that a worker is as good as blocked, so that it brings
/// another one (what Task.Wait does). Where a future runtime lacks the members, each answers "unknown" or does nothing, which is
/// said once in the log: workers are then adopted by time alone, and the pool grows at its own pace.
/// </summary>
internal static class PoolWorker
{
    private const string Pool = "System.Threading.ThreadPool, System.Private.CoreLib";
    private const string Node = "System.Threading.ThreadInt64PersistentCounter+ThreadLocalNode, System.Private.CoreLib";

    private static readonly Note s_returns = new();
    private static int s_counters = 1;
    private static int s_blocking = 1;
    private static int s_owed;
    private static int s_returner;

    /// <summary>How many workers have left the pool now. For tests and dumps.</summary>
    internal static int Away;

    /// <summary>The calling worker's counter, to be handed to Completed; null when unknown.</summary>
    internal static object? Counter()
    {
        if (s_counters == 0)
        {
            return null;
        }

        try
        {
            object counter = GetCounter(null);
            GetCount(counter);
            return counter;
        }
        catch (Exception e) when (e is MissingMemberException or TypeLoadException or InvalidCastException)
        {
            Unavailable(ref s_counters, "work items cannot be told apart", e);
            return null;
        }
    }

    /// <summary>How many work items the worker of <paramref name="counter"/> has completed, modulo 2^32. Any thread may ask.</summary>
    internal static uint Completed(object counter) => GetCount(counter);

    /// <summary>The calling worker leaves the pool. False: the pool was not told, and Return must not be called.</summary>
    internal static bool Leave()
    {
        if (s_blocking == 0)
        {
            return false;
        }

        try
        {
            if (!NotifyBlocked(null))
            {
                return false;
            }

            Interlocked.Increment(ref Away);
            return true;
        }
        catch (Exception e) when (e is MissingMemberException or TypeLoadException)
        {
            Unavailable(ref s_blocking, "the pool will not replace workers that wait for a processor", e);
            return false;
        }
    }

    /// <summary>A worker that left is back. Takes a lock of the pool: not for the dispatch path, nor for sysmon.</summary>
    internal static void Return()
    {
        Interlocked.Decrement(ref Away);
        NotifyUnblocked(null);
    }

    /// <summary>
    /// As Return, for sysmon. The pool's lock may be held by a worker that is stopped until sysmon sees to it, so sysmon
    /// must not wait there: a thread of its own does.
    /// </summary>
    internal static void ReturnLater()
    {
        Interlocked.Increment(ref s_owed);
        if (Interlocked.Exchange(ref s_returner, 1) == 0)
        {
            new Thread(RunReturner, 256 * 1024) { IsBackground = true, Name = "ILPreempt pool" }.UnsafeStart();
        }

        s_returns.Wakeup();
    }

    private static void RunReturner()
    {
        while (true)
        {
            while (Volatile.Read(ref s_owed) > 0)
            {
                Interlocked.Decrement(ref s_owed);
                Return();
            }

            s_returns.Sleep();
        }
    }

    private static void Unavailable(ref int available, string consequence, Exception e)
    {
        if (Interlocked.Exchange(ref available, 0) != 0)
        {
            HostLog.Write($"this runtime's thread pool is not the one known ({e.Message}): {consequence}.");
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.StaticMethod, Name = "GetOrCreateThreadLocalCompletionCountObject")]
    private static extern object GetCounter([UnsafeAccessorType(Pool)] object? pool);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Count")]
    private static extern uint GetCount([UnsafeAccessorType(Node)] object counter);

    [UnsafeAccessor(UnsafeAccessorKind.StaticMethod, Name = "NotifyThreadBlocked")]
    private static extern bool NotifyBlocked([UnsafeAccessorType(Pool)] object? pool);

    [UnsafeAccessor(UnsafeAccessorKind.StaticMethod, Name = "NotifyThreadUnblocked")]
    private static extern void NotifyUnblocked([UnsafeAccessorType(Pool)] object? pool);
}
