using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>A request to stop that sysmon made, when, and when a signal may follow it.</summary>
internal struct Request
{
    internal G? Asked;
    internal long Since;
    internal long NextSignal;
    internal long SignalDelay;
}

/// <content>
/// How a goroutine is asked to stop: the mark and the poll word first, which a check answers within microseconds; after the grace
/// a signal; and again, less and less often, while neither helps.
/// </content>
internal static partial class SysMon
{
    /// <summary>How long a request keeps the poll word raised, and how long until it is raised again. Guesses: a check comes every few us in woven code.</summary>
    private const long GraceNs = 1_000_000;
    private const long AskAgainNs = 10_000_000;

    /// <summary>How soon a signal is repeated that met native or unknown code, and how late at most.</summary>
    private const long MinSignalDelayNs = 100_000;
    private const long MaxSignalDelayNs = 400_000;

    /// <summary>How long the answer to a signal is waited for without sleeping.</summary>
    private const long AnswerNs = 30_000;

    private static bool s_maySend;

    /// <summary>Marks the goroutine; keeps the poll word raised for a grace, then lowers it and asks again later. Returns when to look next.</summary>
    private static long Ask(G? g, GStatus status, ref Request request, long now)
    {
        if (g == null)
        {
            return long.MaxValue;
        }

        if (request.Asked == g && now - request.Since < AskAgainNs)
        {
            if (now - request.Since >= GraceNs)
            {
                Scheduler.LowerPoll(g);
                return request.Since + AskAgainNs;
            }

            return request.Since + GraceNs;
        }

        Scheduler.Mark(g, status);
        request = new Request { Asked = g, Since = now, NextSignal = now + Settings.PreemptGraceNs, SignalDelay = MinSignalDelayNs };
        return now + GraceNs;
    }

    /// <summary>
    /// The request was not answered at a check: a signal follows, and is repeated while it meets code in which a thread can't
    /// be stopped. Returns when to look next.
    /// </summary>
    private static long AskBySignal(M m, ref Request request, long now)
    {
        if (!MayStopMore())
        {
            return long.MaxValue;
        }

        if (now >= request.NextSignal)
        {
            if (Scheduler.PreemptM(m, now))
            {
                AwaitAnswer(m);
            }

            request.NextSignal = now + request.SignalDelay;
            request.SignalDelay = Math.Min(request.SignalDelay * 2, MaxSignalDelayNs);
        }

        return request.NextSignal;
    }

    /// <summary>
    /// A thread that runs answers within some microseconds. Sleeping meanwhile costs the P three to ten times as much: sysmon would have
    /// to be woken before it can pass the P on. One that is on no CPU answers some milliseconds later, and is waited for once, not at
    /// each repetition.
    /// </summary>
    private static unsafe void AwaitAnswer(M m)
    {
        if (Environment.ProcessorCount == 1)
        {
            return;
        }

        long until = Clock.Now() + AnswerNs;
        while (Volatile.Read(ref m.Slot->SignalPending) != 0 && Clock.Now() < until)
        {
            Thread.SpinWait(4);
        }
    }

    /// <summary>Each stopped thread makes collections longer, so there is a limit.</summary>
    private static bool MayStopMore() => s_maySend && Volatile.Read(ref Scheduler.StoppedCount) < Settings.MaxStopped;
}
