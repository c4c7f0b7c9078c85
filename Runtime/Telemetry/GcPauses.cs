using System.Diagnostics.Tracing;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// Collections as events of a recording: when everybody stood still, and for how long. CoreCLR tells by its own events
/// (GCSuspendEEBegin to GCRestartEEEnd), which arrive about 0.1 s late with the time at which they happened.
/// Exists only while a file is recorded.
/// It can be deaf (IsDeaf): on a busy machine, one of some hundred recordings that followed each other at once was told of nothing for 20 s.
/// CoreCLR signals its own reader only when a thread begins a new buffer of events; why that was not enough we do not know. Another
/// listener is another session with new buffers.
/// </summary>
internal sealed class GcPauses : EventListener
{
    private const int GcStart = 1;
    private const int RestartEnd = 3;
    private const int SuspendBegin = 9;

    /// <summary>Suspensions for a collection and in preparation of one; debuggers and profilers suspend for other reasons.</summary>
    private const uint SuspendForGc = 1;
    private const uint SuspendForGcPrep = 6;

    /// <summary>Events come after 0.1 s, on a busy machine after one.</summary>
    private const long DeafNs = 3_000_000_000;

    // Initialised before the base class calls OnEventSourceCreated.
    private readonly long _clock = Clock.Now();
    private readonly DateTime _utc = DateTime.UtcNow;
    private DateTime _began;
    private byte _generation;
    private int _heard = GC.CollectionCount(0);
    private long _unheardSince;

    /// <summary>Whether collections of some seconds ago have not been told of: then another listener has to be made. The drain thread only.</summary>
    internal bool IsDeaf(long now)
    {
        if (GC.CollectionCount(0) == Volatile.Read(ref _heard))
        {
            _unheardSince = 0;
            return false;
        }

        _unheardSince = _unheardSince == 0 ? now : _unheardSince;
        return now - _unheardSince > DeafNs;
    }

    /// <inheritdoc/>
    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        const EventKeywords Gc = (EventKeywords)1;
        if (eventSource.Name == "Microsoft-Windows-DotNETRuntime")
        {
            EnableEvents(eventSource, EventLevel.Informational, Gc);
        }
    }

    /// <inheritdoc/>
    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        Volatile.Write(ref _heard, GC.CollectionCount(0));
        switch (eventData.EventId)
        {
            case SuspendBegin:
                _began = eventData.Payload is [SuspendForGc or SuspendForGcPrep, ..] ? eventData.TimeStamp : default;
                break;
            case GcStart when eventData.Payload is [_, uint generation, ..]:
                _generation = (byte)generation;
                break;
            case RestartEnd when _began != default:
                Tracing.Put(new TraceEvent
                {
                    Time = _clock + ((_began - _utc).Ticks * 100),
                    Argument = (eventData.TimeStamp - _began).Ticks * 100,
                    M = -1,
                    P = -1,
                    Kind = TraceKind.GcPause,
                    Reason = _generation,
                });
                _began = default;
                break;
        }
    }
}
