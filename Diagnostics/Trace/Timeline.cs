using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Diagnostics.Trace;

/// <summary>What a goroutine was doing.</summary>
public enum SpanState
{
    /// <summary>On a P.</summary>
    Running,

    /// <summary>In a queue.</summary>
    Runnable,

    /// <summary>Parked.</summary>
    Waiting,

    /// <summary>In a call without a P.</summary>
    Syscall,
}

/// <summary>A goroutine in one state. Times are nanoseconds from the start of the recording.</summary>
/// <param name="Goroutine">Its id.</param>
/// <param name="State">Which.</param>
/// <param name="Start">From.</param>
/// <param name="End">To.</param>
/// <param name="Processor">The P of a running one, else -1.</param>
/// <param name="Reason">Why it stopped running or why it waits; empty where that is not known.</param>
public sealed record TraceSpan(long Goroutine, SpanState State, long Start, long End, int Processor, string Reason);

/// <summary>Something that happened to a P.</summary>
/// <param name="Time">Nanoseconds from the start.</param>
/// <param name="Processor">Which P.</param>
/// <param name="What">handoff, steal or retake.</param>
/// <param name="Goroutine">The goroutine that was stolen or that sat in native code; 0 if there is none.</param>
public sealed record TraceMark(long Time, int Processor, string What, long Goroutine);

/// <summary>A collection's pause.</summary>
/// <param name="Start">Nanoseconds from the start.</param>
/// <param name="End">Its end.</param>
/// <param name="Generation">0 to 2.</param>
public sealed record TracePause(long Start, long End, int Generation);

/// <summary>
/// A recording as spans. Each goroutine goes from state to state as its events say. What it was before its first event follows from
/// that event; after lost events a span may be too long, and nothing else.
/// </summary>
public sealed class Timeline
{
    private readonly Dictionary<long, Open> _open = [];
    private readonly List<TraceSpan> _spans = [];
    private readonly List<TraceMark> _marks = [];
    private readonly List<TracePause> _pauses = [];
    private readonly long _start;

    /// <summary>Builds it.</summary>
    public Timeline(TraceLog log)
    {
        ArgumentNullException.ThrowIfNull(log);
        Log = log;
        _start = log.Start;
        Length = log.End - log.Start;
        foreach (TraceEvent e in log.Events)
        {
            Add(e);
        }

        foreach ((long g, Open open) in _open)
        {
            Close(g, open, Length, "");
        }

        _spans.Sort((a, b) => a.Start.CompareTo(b.Start));
    }

    private readonly record struct Open(SpanState State, long Since, int Processor, string Reason);

    /// <summary>Of which recording.</summary>
    public TraceLog Log { get; }

    /// <summary>How long it is, in nanoseconds.</summary>
    public long Length { get; }

    /// <summary>All spans by their start.</summary>
    public IReadOnlyList<TraceSpan> Spans => _spans;

    /// <summary>What happened to Ps.</summary>
    public IReadOnlyList<TraceMark> Marks => _marks;

    /// <summary>Collections.</summary>
    public IReadOnlyList<TracePause> Pauses => _pauses;

    private void Add(in TraceEvent e)
    {
        long time = Math.Max(0, e.Time - _start);
        switch (e.Kind)
        {
            case TraceKind.Create:
                Enter(e, SpanState.Runnable, "");
                break;
            case TraceKind.Adopt:
                Enter(e, SpanState.Syscall, "adopted");
                break;
            case TraceKind.Start:
            case TraceKind.SyscallExit:
                Enter(e, SpanState.Running, "");
                break;
            case TraceKind.Stop:
                Enter(e, SpanState.Runnable, "", (StopReason)e.Reason switch
                {
                    StopReason.Check => "preempted at a check",
                    StopReason.Signal => "preempted by signal",
                    _ => "yield",
                });
                break;
            case TraceKind.Block:
                Enter(e, SpanState.Waiting, ((WaitReason)e.Reason).Text(), ((WaitReason)e.Reason).Text());
                break;
            case TraceKind.SyscallEnter:
                string reason = ((WaitReason)e.Reason).Text() is { Length: > 0 } text ? text : "syscall";
                Enter(e, SpanState.Syscall, reason, e.Argument != 0 ? reason + ", retaken" : reason);
                break;
            case TraceKind.Unblock:
            case TraceKind.SyscallWait:
                Enter(e, SpanState.Runnable, "");
                break;
            case TraceKind.End:
                if (_open.Remove(e.G, out Open last))
                {
                    Close(e.G, last, time, "end");
                }

                break;
            case TraceKind.Handoff:
                _marks.Add(new TraceMark(time, e.P, "handoff", 0));
                break;
            case TraceKind.Steal:
                _marks.Add(new TraceMark(time, e.P, "steal", e.G));
                break;
            case TraceKind.Retake:
                _marks.Add(new TraceMark(time, e.P, "retake", e.G));
                break;
            case TraceKind.GcPause:
                _pauses.Add(new TracePause(time, time + e.Argument, e.Reason));
                break;
        }
    }

    private void Enter(in TraceEvent e, SpanState state, string reason, string why = "")
    {
        long time = Math.Max(0, e.Time - _start);
        if (_open.TryGetValue(e.G, out Open before))
        {
            Close(e.G, before, time, why);
        }
        else if (Before(e) is SpanState unseen)
        {
            Close(e.G, new Open(unseen, 0, e.P, ""), time, why);
        }

        _open[e.G] = new Open(state, time, state == SpanState.Running ? e.P : -1, reason);
    }

    private static SpanState? Before(in TraceEvent e) => e.Kind switch
    {
        TraceKind.Start => SpanState.Runnable,
        TraceKind.Stop or TraceKind.Block => SpanState.Running,
        TraceKind.SyscallEnter when e.P >= 0 => SpanState.Running,
        TraceKind.Unblock => SpanState.Waiting,
        TraceKind.SyscallExit or TraceKind.SyscallWait => SpanState.Syscall,
        _ => null,
    };

    private void Close(long g, Open open, long end, string why)
    {
        bool running = open.State == SpanState.Running;
        _spans.Add(new TraceSpan(g, open.State, open.Since, Math.Max(open.Since, end), running ? open.Processor : -1, running ? why : open.Reason));
    }
}
