using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// The thread that empties the rings every 10 ms and hands what it found to whoever wants it: the file of a recording, the
/// EventSource. It is made with the first wish and sleeps while there is none. It is no goroutine, so files, locks and the callbacks of
/// the program's listeners are as good here as anywhere.
/// A wish is a bit. Want sets the bit, then Tracing's flag; the thread clears the flag, then looks at the bits again: one of the two
/// sees the other. No lock is held while events are handed on, because listeners may call back with a wish.
/// </summary>
internal static class TraceDrain
{
    /// <summary>The wishes.</summary>
    internal const int File = 1;
    internal const int EventSource = 2;

    private const long PeriodNs = 10_000_000;

    private static readonly Note s_note = new();
    private static readonly TraceEvent[] s_buffer = new TraceEvent[2048];
    private static int s_wanted;
    private static int s_started;

    internal static bool IsWanted(int wish) => (Volatile.Read(ref s_wanted) & wish) != 0;

    /// <summary>Begins to deliver events. Any thread.</summary>
    internal static void Want(int wish)
    {
        Interlocked.Or(ref s_wanted, wish);
        Tracing.Set(Tracing.Events);
        if (Interlocked.Exchange(ref s_started, 1) == 0)
        {
            new Thread(Run, 256 * 1024) { IsBackground = true, Name = "ILPreempt trace" }.UnsafeStart();
        }

        s_note.Wakeup();
    }

    /// <summary>Ends it; what is in the rings is still delivered. Any thread.</summary>
    internal static void Unwant(int wish)
    {
        Interlocked.And(ref s_wanted, ~wish);
        s_note.Wakeup();
    }

    private static void Run()
    {
        GcPauses? pauses = null;
        bool pausesAreOn = false;
        while (true)
        {
            int wanted = Volatile.Read(ref s_wanted);
            long now = Clock.Now();
            bool pausesAreWanted = (wanted & File) != 0 && LateStart.EventsAreSupported;
            if (pausesAreWanted != pausesAreOn)
            {
                pausesAreOn = pausesAreWanted;
                pauses ??= new GcPauses();
                pauses.Since = pausesAreWanted ? now : long.MaxValue;
            }

            Drain(now);
            Recording.Round(now);
            SchedulerEventSource.Round(now);
            if (wanted != 0)
            {
                s_note.Sleep(now + PeriodNs);
                continue;
            }

            if (Volatile.Read(ref s_wanted) != 0)
            {
                continue;
            }

            Tracing.Clear(Tracing.Events);
            if (Volatile.Read(ref s_wanted) != 0)
            {
                Tracing.Set(Tracing.Events);
                continue;
            }

            // What was written while the flag went down: nobody takes it.
            Drain(now);
            s_note.Sleep();
        }
    }

    private static void Drain(long now)
    {
        TraceRing[] rings = Tracing.Rings!;
        for (int i = 0; i < rings.Length; i++)
        {
            int n;
            while ((n = rings[i].Take(s_buffer)) > 0)
            {
                Deliver(s_buffer.AsSpan(0, n));
            }

            long lost = rings[i].TakeLost();
            if (lost > 0)
            {
                s_buffer[0] = new TraceEvent { Time = now, Argument = lost, M = -1, P = (short)i, Kind = TraceKind.Lost };
                Deliver(s_buffer.AsSpan(0, 1));
            }
        }
    }

    private static void Deliver(ReadOnlySpan<TraceEvent> events)
    {
        Recording.Write(events);
        SchedulerEventSource.Write(events);
    }
}
