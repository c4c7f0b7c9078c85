using System.Runtime.InteropServices;

namespace ILPreempt.Runtime.Platform;

/// <summary>
/// A one-bit event that one thread sleeps on (Go: note). Wakeup may come before Sleep, several times, or for nothing: the
/// sleeper clears the bit and re-reads the condition it waits for (M.NextP, a deadline). The exchange in Wakeup publishes
/// what the waker wrote before it; it pairs with the exchange in Sleep.
/// </summary>
internal sealed unsafe class Note
{
    private readonly int* _word = (int*)NativeMemory.AlignedAlloc(64, 64);

    internal Note() => *_word = 0;

    ~Note() => NativeMemory.AlignedFree(_word);

    /// <summary>The word itself, for a signal handler that wakes the sleeper: exchange with 1, futex wake if it was 0.</summary>
    internal int* Word => _word;

    /// <summary>A hint for dumps.</summary>
    internal bool IsSet => Volatile.Read(ref *_word) != 0;

    /// <summary>Ends the current or the next Sleep.</summary>
    internal void Wakeup()
    {
        if (Interlocked.Exchange(ref *_word, 1) == 0)
        {
            Futex.WakeOne(_word);
        }
    }

    /// <summary>Sleeps until Wakeup, or until <paramref name="deadline"/> on <see cref="Clock"/> (negative: no limit). True if woken.</summary>
    internal bool Sleep(long deadline = -1)
    {
        while (true)
        {
            if (Interlocked.Exchange(ref *_word, 0) != 0)
            {
                return true;
            }

            long ns = -1;
            if (deadline >= 0)
            {
                ns = deadline - Clock.Now();
                if (ns <= 0)
                {
                    return false;
                }
            }

            Futex.Wait(_word, 0, ns);
            GC.KeepAlive(this);
        }
    }
}
