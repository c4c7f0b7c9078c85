using System.Text.Json;

namespace ILPreempt.Diagnostics.Trace;

/// <summary>
/// A recording in the JSON that Chrome's about:tracing and Perfetto open. Process 1 holds a track for each P, process 2 one for each
/// goroutine, process 3 the collections. Times are microseconds from the start of the recording.
/// </summary>
public static class ChromeTrace
{
    private const int Processors = 1;
    private const int Goroutines = 2;
    private const int Runtime = 3;

    /// <summary>Writes <paramref name="timeline"/> to <paramref name="output"/>.</summary>
    public static void Write(Timeline timeline, Stream output)
    {
        ArgumentNullException.ThrowIfNull(timeline);
        using Utf8JsonWriter json = new(output);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ns");
        WriteOther(timeline, json);
        json.WriteStartArray("traceEvents");
        WriteNames(timeline, json);
        foreach (TraceSpan span in timeline.Spans)
        {
            if (span.State == SpanState.Running && span.Processor >= 0)
            {
                Begin(json, "X", $"G{span.Goroutine}", Processors, span.Processor, span.Start, span.End - span.Start);
                json.WriteStartObject("args");
                json.WriteNumber("goroutine", span.Goroutine);
                json.WriteString("stop", span.Reason);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            string name = span.State == SpanState.Waiting && span.Reason.Length > 0 ? span.Reason : span.State.ToString().ToLowerInvariant();
            Begin(json, "X", name, Goroutines, span.Goroutine, span.Start, span.End - span.Start);
            json.WriteStartObject("args");
            if (span.Processor >= 0)
            {
                json.WriteNumber("processor", span.Processor);
            }

            json.WriteString(span.State == SpanState.Running ? "stop" : "reason", span.Reason);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        foreach (TraceMark mark in timeline.Marks)
        {
            Begin(json, "i", mark.What, Processors, mark.Processor, mark.Time);
            json.WriteString("s", "t");
            json.WriteStartObject("args");
            json.WriteNumber("goroutine", mark.Goroutine);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        foreach (TracePause pause in timeline.Pauses)
        {
            Begin(json, "X", pause.Generation <= 2 ? $"GC pause, generation {pause.Generation}" : "GC pause", Runtime, 1, pause.Start, pause.End - pause.Start);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteOther(Timeline timeline, Utf8JsonWriter json)
    {
        TraceLog log = timeline.Log;
        json.WriteStartObject("otherData");
        json.WriteString("program", log.Program);
        json.WriteNumber("pid", log.ProcessId);
        json.WriteString("started", log.StartUtc);
        json.WriteNumber("processors", log.Processors);
        json.WriteNumber("sliceNs", log.SliceNs);
        json.WriteNumber("events", log.Count);
        json.WriteNumber("lost", log.Lost);
        json.WriteBoolean("complete", log.IsComplete);
        json.WriteEndObject();
    }

    private static void WriteNames(Timeline timeline, Utf8JsonWriter json)
    {
        Name(json, "process_name", Processors, 0, "Processors (P)");
        Name(json, "process_name", Goroutines, 0, "Goroutines (G)");
        Name(json, "process_name", Runtime, 0, "Runtime");
        Name(json, "thread_name", Runtime, 1, "GC");
        foreach (int p in timeline.Spans.Where(s => s.Processor >= 0).Select(s => s.Processor).Union(timeline.Marks.Select(m => m.Processor)).Order())
        {
            Name(json, "thread_name", Processors, p, $"P{p}");
        }

        foreach (long g in timeline.Spans.Select(s => s.Goroutine).Distinct().Order())
        {
            Name(json, "thread_name", Goroutines, g, $"G{g}");
        }
    }

    private static void Name(Utf8JsonWriter json, string kind, int process, long thread, string name)
    {
        Begin(json, "M", kind, process, thread, 0);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Begin(Utf8JsonWriter json, string phase, string name, int process, long thread, long time, long duration = -1)
    {
        json.WriteStartObject();
        json.WriteString("ph", phase);
        json.WriteString("name", name);
        json.WriteNumber("pid", process);
        json.WriteNumber("tid", thread);
        json.WriteNumber("ts", time / 1000m);
        if (duration >= 0)
        {
            json.WriteNumber("dur", duration / 1000m);
        }
    }
}
