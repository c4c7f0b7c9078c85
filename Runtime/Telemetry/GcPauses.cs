using System.Diagnostics.Tracing;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// Collections as events of a recording: when everybody stood still, and for how long. CoreCLR tells by its own events
/// (GCSuspendEEBegin to GCRestartEEEnd), which arrive about 0.1 s late with the time at which they happened.
/// There is one, from the first recording to the end of the process; between recordings it hears and says nothing. Rejected: one for each
/// recording. Once in some 300 that followed each other at once, all was told but what the collector itself tells (GCStart, with the
/// generation): CoreCLR ends the session of a listener that has gone at some later time, most likely with that effect on the session that
/// came after. Somebody else's listener may still do that: then the generation is unknown.
/// </summary>
internal sealed class GcPauses : EventListener
{
    /// <summary>A pause whose generation nobody told.</summary>
    internal const byte UnknownGeneration = 255;

    private const int GcStart = 1;
    private const int RestartEnd = 3;
    private const int SuspendBegin = 9;

    /// <summary>Suspensions for a collection and in preparation of one; debuggers and profilers suspend for other reasons.</summary>
    private const uint SuspendForGc = 1;
    private const uint SuspendForGcPrep = 6;

    // Initialised before the base class calls OnEventSourceCreated.
    private readonly long _clock = Clock.Now();
    private readonly DateTime _utc = DateTime.UtcNow;
    private DateTime _began;
    private byte _generation;
    private long _since = long.MaxValue;

    /// <summary>Pauses that begin earlier are not told. Any thread.</summary>
    internal long Since
    {
        set => Volatile.Write(ref _since, value);
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
        switch (eventData.EventId)
        {
            case SuspendBegin:
                _began = eventData.Payload is [SuspendForGc or SuspendForGcPrep, ..] ? eventData.TimeStamp : default;
                _generation = UnknownGeneration;
                break;
            case GcStart when eventData.Payload is [_, uint generation, ..]:
                _generation = (byte)generation;
                break;
            case RestartEnd when _began != default:
                long time = _clock + ((_began - _utc).Ticks * 100);
                if (time >= Volatile.Read(ref _since))
                {
                    Tracing.Put(new TraceEvent
                    {
                        Time = time,
                        Argument = (eventData.TimeStamp - _began).Ticks * 100,
                        M = -1,
                        P = -1,
                        Kind = TraceKind.GcPause,
                        Reason = _generation,
                    });
                }

                _began = default;
                break;
        }
    }
}
