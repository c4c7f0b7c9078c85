using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

/// <summary>After Go's TestLockOSThreadNesting, TestLockOSThreadExit, TestLockOSThreadAvoidsStatePropagation.</summary>
public class LockedThreadTests
{
    [ThreadStatic]
    private static string? t_trace;

    [Fact]
    public void Exit_WhileLocked_TheThreadIsNeverReused()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        Gos.Run(() =>
        {
            Goroutine.LockOSThread();
            t_trace = "left behind";
        });
        bool seen = false;
        Gos.Run(Gos.Times(50, _ => seen |= t_trace != null));
        Assert.False(seen, "a goroutine ran on the thread of one that ended while locked");
    }

    [Fact]
    public void Exit_AfterEqualUnlocks_TheThreadLivesOn()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        HashSet<int> threads = [];
        for (int i = 0; i < 20; i++)
        {
            Gos.Run(() =>
            {
                Goroutine.LockOSThread();
                Goroutine.LockOSThread();
                Goroutine.UnlockOSThread();
                Goroutine.UnlockOSThread();
                lock (threads)
                {
                    threads.Add(Environment.CurrentManagedThreadId);
                }
            });
        }

        Assert.InRange(threads.Count, 1, 10);
    }

    [Fact]
    public void Lock_OnAThreadThatIsNoGoroutine_Throws() =>
        Assert.Throws<InvalidOperationException>(Goroutine.LockOSThread);

    [Fact]
    public void Exit_HundredsLocked_AllThreadsEnd() => Gos.Run(Gos.Times(300, _ =>
    {
        Goroutine.LockOSThread();
        Goroutine.Yield();
    }));
}
