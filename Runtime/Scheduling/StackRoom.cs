using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// The other half of morestack: is there stack left? The check's fast path does not ask. A goroutine's stack is a large
/// reserve of which it may use a part, twice what plain .NET would give it; sysmon looks whether the page at that line has
/// been touched and then raises the poll word, and the slow path throws InsufficientExecutionStackException below the line.
/// The rest of the reserve is what a runaway recursion can eat until sysmon has looked: the kernel hands out about 4 to 8 GB
/// of new pages a second, so 240 MB last 30 ms or more, and sysmon looks every 10.
/// Rejected: comparing the stack pointer in every check (a thread-static load doubles call-bound code). A line at a quarter of
/// the reserve: unwinding costs about 1 us a frame, and two million small frames fit into 64 MB.
/// </summary>
internal static class StackRoom
{
    /// <summary>Reserves below this (the main thread under a hard limit, foreign threads) are checked only when asked for another reason.</summary>
    private const nuint LargeReserve = 64 << 20;

    /// <summary>What a small stack keeps for the code that handles the exception.</summary>
    private const nuint SmallMargin = 256 << 10;

    /// <summary>Left in use below the stack pointer when pages are given back: the red zone and a few frames of this code.</summary>
    private const nuint Keep = 64 << 10;

    /// <summary>What a program may use at least, and twice what it has without the host (soft RLIMIT_STACK, usually 8 MB).</summary>
    private const nuint MinUsable = 16 << 20;

    /// <summary>The size of a thread's stack without the host, where the host knows it. Set before the entry point runs.</summary>
    internal static nuint PlainStack;

    internal static nuint LimitOf(nuint low, nuint high)
    {
        nuint reserve = high - low;
        if (reserve < LargeReserve)
        {
            return low + SmallMargin;
        }

        nuint twicePlain = PlainStack < reserve ? PlainStack * 2 : reserve;
        return high - Math.Min(Math.Max(MinUsable, twicePlain), reserve / 4 * 3);
    }

    /// <summary>sysmon, each round for a running M: raises the poll word once when the stack has passed its line.</summary>
    internal static void Watch(M m)
    {
        if (m.StackHigh - m.StackLow >= LargeReserve
            && Volatile.Read(ref m.DeepStack) == 0
            && StackBounds.IsResident(m.StackLimit)
            && Interlocked.Exchange(ref m.DeepStack, 1) == 0)
        {
            Interlocked.Increment(ref StackGuard.Poll);
        }
    }

    /// <summary>The slow path's answer. True: throw. Above the line again: gives the deep pages back and lowers the word.</summary>
    internal static bool IsExhausted(M m, nuint stackPointer)
    {
        if (stackPointer < m.StackLimit)
        {
            return m.StackLimit != 0;
        }

        if (m.DeepStack != 0 && stackPointer - m.StackLimit > Keep)
        {
            StackBounds.Release(m.StackLow, stackPointer - Keep);
            Lower(m);
        }

        return false;
    }

    /// <summary>The goroutine has ended; what it used deep down goes back.</summary>
    internal static unsafe void Reset(M m)
    {
        if (m.DeepStack != 0)
        {
            byte here;
            StackBounds.Release(m.StackLow, (nuint)(&here) - Keep);
            Lower(m);
        }
    }

    /// <summary>Without touching the stack: its thread may be gone.</summary>
    internal static void Lower(M m)
    {
        if (Interlocked.Exchange(ref m.DeepStack, 0) == 1)
        {
            Interlocked.Decrement(ref StackGuard.Poll);
        }
    }
}
