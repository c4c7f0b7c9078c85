using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Runtime;

/// <summary>
/// The check that woven code carries in loop heads and prologues: <c>if (Poll != 0) MoreStack();</c> (Go: the stack bound
/// compare of every prologue). One word for the whole process instead of a guard per goroutine: reading a thread-static in
/// a prologue costs +124 to +150 % on call-bound code, a static word +6 to +11 %. The slow path finds out who is meant.
/// </summary>
public static class StackGuard
{
    /// <summary>
    /// How many reasons there are to take the slow path: fresh requests to stop (Scheduler.Preempt), deep stacks
    /// (StackRoom), stress mode. Changed by interlocked adds; woven code reads it with a volatile load.
    /// </summary>
    public static int Poll;

    private static int s_stressEvery;
    private static uint s_stressSeed;

    /// <summary>The slow path of the check (Go: morestack). Returns when this goroutine may go on.</summary>
    /// <exception cref="InsufficientExecutionStackException">The goroutine's stack is used up.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static unsafe void MoreStack()
    {
        byte here;
        if (M.Current is M m && !(m.Adopted && Adoption.SelfEnd(m)))
        {
            NewStack(m, (nuint)(&here));
        }
        else
        {
            Adoption.Sight((nuint)(&here), atOnce: s_stressEvery > 0);
        }
    }

    /// <summary>Stress mode: from now on every check takes the slow path.</summary>
    internal static void StartStress()
    {
        s_stressEvery = Settings.StressEvery;
        s_stressSeed = (uint)Settings.StressSeed;
        if (s_stressEvery > 0)
        {
            Interlocked.Increment(ref Poll);
        }
    }

    /// <summary>Both questions of Go's newstack: is there stack left, and is this goroutine to be preempted?</summary>
    private static unsafe void NewStack(M m, nuint stackPointer)
    {
        if (StackRoom.IsExhausted(m, stackPointer))
        {
            ThrowStackExhausted(m);
        }

        if (!CanPreemptM(m, stackPointer) || m.CurG is not G g)
        {
            return;
        }

        if (g.LostP || m.IsStopped)
        {
            // Whoever the word was raised for: this one runs without a P and must wait for one. An adopted thread may come back
            // as another goroutine.
            Scheduler.RegainP(m);
            g = m.CurG!;
        }

        if (Volatile.Read(ref g.StackGuard0) == G.StackPreempt || (s_stressEvery > 0 && IsStressed(m)))
        {
            if (Tracing.Flags != 0)
            {
                m.PreemptedAt = Math.Max(1, AsyncPreempt.ReturnAddress(m.Slot, stackPointer));
            }

            Scheduler.GoPreemptM(g);
        }
    }

    /// <summary>The one answer to "may this M be stopped here" (Go: canPreemptM).</summary>
    private static unsafe bool CanPreemptM(M m, nuint stackPointer) =>
        m.Slot->Locks == 0 && !NoPreempt.IsInside(m, stackPointer);

    private static bool IsStressed(M m)
    {
        uint x = (++m.StressCount * 2654435761) ^ s_stressSeed ^ ((uint)m.Id << 16);
        x ^= x >> 15;
        return x % (uint)s_stressEvery == 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ThrowStackExhausted(M m) => throw new InsufficientExecutionStackException(
        $"Goroutine stack exceeds {(m.StackHigh - m.StackLimit) >> 10} KB; ILPREEMPT_STACK sets the reserve, of which a quarter may be used.");
}
