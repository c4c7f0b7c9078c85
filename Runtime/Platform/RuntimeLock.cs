using System.Runtime.InteropServices;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Platform;

/// <summary>
/// The mutex of the scheduler's own data (Go: runtime.mutex). Three states: 0 free, 1 held, 2 held and somebody sleeps.
/// Never a Monitor: a goroutine stopped inside one would hold up dispatch, and dispatch is what would resume it. For the same
/// reason its holder is never stopped by a signal: it counts in M.Locks, as in Go.
/// </summary>
internal sealed unsafe class RuntimeLock
{
    private const int SpinCount = 30;

    private readonly int* _word = (int*)NativeMemory.AlignedAlloc(64, 64);
    private readonly string _name;

    internal RuntimeLock(string name)
    {
        _name = name;
        *_word = 0;
    }

    internal bool IsHeld => Volatile.Read(ref *_word) != 0;

    internal void Lock()
    {
        Count(1);
        if (Interlocked.CompareExchange(ref *_word, 1, 0) == 0)
        {
            return;
        }

        for (int i = 0; i < SpinCount; i++)
        {
            Thread.SpinWait(4);
            if (Volatile.Read(ref *_word) == 0 && Interlocked.CompareExchange(ref *_word, 1, 0) == 0)
            {
                return;
            }
        }

        // From here the lock is taken in state 2: whoever frees it must assume that another sleeper is left.
        while (Interlocked.Exchange(ref *_word, 2) != 0)
        {
            Futex.Wait(_word, 2, -1);
        }
    }

    internal bool TryLock()
    {
        Count(1);
        if (Interlocked.CompareExchange(ref *_word, 1, 0) == 0)
        {
            return true;
        }

        Count(-1);
        return false;
    }

    internal void Unlock()
    {
        int before = Interlocked.Exchange(ref *_word, 0);
        if (before == 0)
        {
            RuntimePanic.Throw($"unlock: lock {_name} is free");
        }

        if (before == 2)
        {
            Futex.WakeOne(_word);
        }

        Count(-1);
    }

    private static void Count(int change)
    {
        if (M.Current is M m)
        {
            m.Slot->Locks += change;
        }
    }

    /// <summary>First line of every method whose name ends in _NeedsLock.</summary>
    [System.Diagnostics.Conditional("DEBUG")]
    internal void AssertHeld()
    {
        if (!IsHeld)
        {
            RuntimePanic.Throw($"lock {_name} is free, want held");
        }
    }
}
