using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Tracing;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// The scheduler's events for dotnet-trace, PerfView and listeners in the program. They are written by the drain thread, up to 10 ms
/// after they happened: each carries its own time (nanoseconds on Stopwatch's clock), and there are no Start and Stop opcodes, whose durations
/// would be the drain thread's. Made by LateStart; nothing is recorded before somebody enables it.
/// </summary>
[EventSource(Name = "ILPreempt-Scheduler")]
internal sealed unsafe class SchedulerEventSource : EventSource
{
    /// <summary>How far past its slice a goroutine must have run to be called stuck.</summary>
    private const long StuckNs = 20_000_000;

    private static SchedulerEventSource? s_log;
    private static (uint Tick, long Since)[] s_told = [];

    private SchedulerEventSource()
    {
    }

    /// <summary>What can be switched on by itself.</summary>
    public static class Keywords
    {
        /// <summary>Goroutines and Ps: create, start, stop, block, unblock, end, handoff, steal.</summary>
        public const EventKeywords Sched = (EventKeywords)1;

        /// <summary>Preemptions, and goroutines that can't be preempted.</summary>
        public const EventKeywords Preempt = (EventKeywords)2;

        /// <summary>Blocking calls, and Ps taken from them.</summary>
        public const EventKeywords Syscall = (EventKeywords)4;

        /// <summary>Waits for locks and semaphores.</summary>
        public const EventKeywords Lock = (EventKeywords)8;
    }

    /// <summary>Makes the one object, once.</summary>
    internal static void Create()
    {
        SchedulerEventSource log = new();
        if (Interlocked.CompareExchange(ref s_log, log, null) != null)
        {
            log.Dispose();
        }
        else if (log.IsEnabled())
        {
            TraceDrain.Want(TraceDrain.EventSource);
        }
    }

    /// <inheritdoc/>
    protected override void OnEventCommand(EventCommandEventArgs command)
    {
        // Whether anybody else still listens is known only after a Disable: Round looks.
        if (this == Volatile.Read(ref s_log) && command.Command != EventCommand.Disable && IsEnabled())
        {
            TraceDrain.Want(TraceDrain.EventSource);
        }
    }

    /// <summary>The drain thread: hands events on.</summary>
    internal static void Write(ReadOnlySpan<TraceEvent> events)
    {
        if (s_log is { } log && log.IsEnabled())
        {
            foreach (ref readonly TraceEvent e in events)
            {
                log.Write(e);
            }
        }
    }

    /// <summary>The drain thread: ends the delivery if nobody listens any more, and looks for goroutines that run on though their slice is long over and others wait.</summary>
    internal static void Round(long now)
    {
        if (s_log is not { } log || !TraceDrain.IsWanted(TraceDrain.EventSource))
        {
            return;
        }

        if (!log.IsEnabled())
        {
            TraceDrain.Unwant(TraceDrain.EventSource);
        }

        if (!log.IsEnabled(EventLevel.Warning, Keywords.Preempt) || !Scheduler.SomebodyWaits())
        {
            return;
        }

        P[] all = Scheduler.AllP;
        Array.Resize(ref s_told, all.Length);
        for (int i = 0; i < all.Length; i++)
        {
            P p = all[i];
            (uint Tick, long Since) slice = (p.SchedTick, p.SliceStart);
            if (p.Status == PStatus.Running && p.M?.CurG is G g && now - slice.Since >= Runtime.Settings.SliceNs + StuckNs && s_told[i] != slice)
            {
                s_told[i] = slice;
                log.GoroutineStuck(now, g.Id, p.Id, now - slice.Since);
            }
        }
    }

    [NonEvent]
    private void Write(in TraceEvent e)
    {
        switch (e.Kind)
        {
            case TraceKind.Create or TraceKind.Adopt:
                GoroutineCreate(e.Time, e.G, e.Argument);
                break;
            case TraceKind.Start:
                GoroutineStart(e.Time, e.G, e.P);
                break;
            case TraceKind.Stop:
                string how = (StopReason)e.Reason switch { StopReason.Check => "check", StopReason.Signal => "signal", _ => "yield" };
                GoroutineStop(e.Time, e.G, how);
                if (e.Reason != (byte)StopReason.Yield)
                {
                    Preemption(e.Time, e.G, how);
                }

                break;
            case TraceKind.Block:
                GoroutineBlock(e.Time, e.G, ((WaitReason)e.Reason).Text());
                WriteLock(e);
                break;
            case TraceKind.Unblock:
                GoroutineUnblock(e.Time, e.G, e.Argument);
                break;
            case TraceKind.End:
                GoroutineEnd(e.Time, e.G);
                break;
            case TraceKind.SyscallEnter:
                SyscallEnter(e.Time, e.G, ((WaitReason)e.Reason).Text());
                WriteLock(e);
                break;
            case TraceKind.SyscallExit or TraceKind.SyscallWait:
                SyscallExit(e.Time, e.G, e.Kind == TraceKind.SyscallExit ? e.P : -1);
                break;
            case TraceKind.Handoff:
                Handoff(e.Time, e.P);
                break;
            case TraceKind.Steal:
                Steal(e.Time, e.G, e.P, e.Argument);
                break;
            case TraceKind.Retake:
                Retake(e.Time, e.G, e.P);
                break;
            case TraceKind.Lost:
                EventsLost(e.Argument);
                break;
        }
    }

    [NonEvent]
    private void WriteLock(in TraceEvent e)
    {
        if ((WaitReason)e.Reason is WaitReason.MonitorEnter or WaitReason.SyncMutexLock or WaitReason.SemAcquire)
        {
            LockWait(e.Time, e.G, ((WaitReason)e.Reason).Text());
        }
    }

    [Event(1, Keywords = Keywords.Sched)]
    private void GoroutineCreate(long time, long goroutine, long parent) => WriteEvent(1, time, goroutine, parent);

    [Event(2, Keywords = Keywords.Sched, Opcode = EventOpcode.Info)]
    private void GoroutineStart(long time, long goroutine, long processor) => WriteEvent(2, time, goroutine, processor);

    [Event(3, Keywords = Keywords.Sched, Opcode = EventOpcode.Info)]
    private void GoroutineStop(long time, long goroutine, string reason) => WriteText(3, time, goroutine, reason);

    [Event(4, Keywords = Keywords.Sched)]
    private void GoroutineBlock(long time, long goroutine, string reason) => WriteText(4, time, goroutine, reason);

    [Event(5, Keywords = Keywords.Sched)]
    private void GoroutineUnblock(long time, long goroutine, long by) => WriteEvent(5, time, goroutine, by);

    [Event(6, Keywords = Keywords.Sched)]
    private void GoroutineEnd(long time, long goroutine) => WriteEvent(6, time, goroutine);

    [Event(7, Keywords = Keywords.Syscall)]
    private void SyscallEnter(long time, long goroutine, string reason) => WriteText(7, time, goroutine, reason);

    /// <summary>The processor is -1 while the goroutine waits for one.</summary>
    [Event(8, Keywords = Keywords.Syscall)]
    private void SyscallExit(long time, long goroutine, long processor) => WriteEvent(8, time, goroutine, processor);

    [Event(9, Keywords = Keywords.Syscall)]
    private void Retake(long time, long goroutine, long processor) => WriteEvent(9, time, goroutine, processor);

    [Event(10, Keywords = Keywords.Sched)]
    private void Handoff(long time, long processor) => WriteEvent(10, time, processor);

    [Event(11, Keywords = Keywords.Sched)]
    private void Steal(long time, long goroutine, long processor, long victim) => WriteFour(11, time, goroutine, processor, victim);

    [Event(12, Keywords = Keywords.Preempt)]
    private void Preemption(long time, long goroutine, string kind) => WriteText(12, time, goroutine, kind);

    /// <summary>It ran for so long though others waited; told once for each such slice.</summary>
    [Event(13, Keywords = Keywords.Preempt, Level = EventLevel.Warning)]
    private void GoroutineStuck(long time, long goroutine, long processor, long nanoseconds) => WriteFour(13, time, goroutine, processor, nanoseconds);

    [Event(14, Keywords = Keywords.Lock)]
    private void LockWait(long time, long goroutine, string reason) => WriteText(14, time, goroutine, reason);

    [Event(15, Keywords = Keywords.Sched | Keywords.Preempt | Keywords.Syscall | Keywords.Lock, Level = EventLevel.Warning)]
    private void EventsLost(long count) => WriteEvent(15, count);

    /// <summary>A line of the stall report (ILPREEMPT_STALL).</summary>
    [Event(16, Keywords = Keywords.Preempt | Keywords.Lock, Level = EventLevel.Warning)]
    private void Stall(long time, long goroutine, string what) => WriteText(16, time, goroutine, what);

    /// <summary>Any thread: somebody stalls.</summary>
    internal static void TellStall(long time, long goroutine, string what)
    {
        if (Volatile.Read(ref s_log) is { } log && log.IsEnabled())
        {
            log.Stall(time, goroutine, what);
        }
    }

    private const string Plain = "Only numbers and strings are written.";

    // The library's overloads for these go through an array of objects.
    [NonEvent]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void WriteText(int id, long time, long goroutine, string text)
    {
        fixed (char* chars = text)
        {
            EventData* data = stackalloc EventData[3];
            data[0] = new EventData { DataPointer = (nint)(&time), Size = sizeof(long) };
            data[1] = new EventData { DataPointer = (nint)(&goroutine), Size = sizeof(long) };
            data[2] = new EventData { DataPointer = (nint)chars, Size = (text.Length + 1) * sizeof(char) };
            WriteEventCore(id, 3, data);
        }
    }

    [NonEvent]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Plain)]
    private void WriteFour(int id, long a, long b, long c, long d)
    {
        long* values = stackalloc long[4] { a, b, c, d };
        EventData* data = stackalloc EventData[4];
        for (int i = 0; i < 4; i++)
        {
            data[i] = new EventData { DataPointer = (nint)(values + i), Size = sizeof(long) };
        }

        WriteEventCore(id, 4, data);
    }
}
