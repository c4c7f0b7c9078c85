using System.Text;
using System.Text.Json;

namespace ILPreempt.Diagnostics.Trace;

/// <summary>
/// A recording as one HTML file that needs nothing else, not even a network: the page (timeline.html) with the spans as a JSON literal
/// in it. All Ps are shown, and of the goroutines those that ran longest.
/// </summary>
public static class HtmlTimeline
{
    /// <summary>More rows than anybody scrolls through, and a file that a browser still opens at once.</summary>
    private const int MaxGoroutines = 300;

    private const string Placeholder = "/*DATA*/null";

    /// <summary>Writes <paramref name="timeline"/> to <paramref name="output"/>.</summary>
    public static void Write(Timeline timeline, Stream output)
    {
        ArgumentNullException.ThrowIfNull(timeline);
        ArgumentNullException.ThrowIfNull(output);
        using Stream resource = typeof(HtmlTimeline).Assembly.GetManifestResourceStream("timeline.html")!;
        using StreamReader reader = new(resource);
        string page = reader.ReadToEnd();
        int at = page.IndexOf(Placeholder, StringComparison.Ordinal);
        output.Write(Encoding.UTF8.GetBytes(page[..at]));
        using (Utf8JsonWriter json = new(output))
        {
            WriteData(timeline, json);
        }

        output.Write(Encoding.UTF8.GetBytes(page[(at + Placeholder.Length)..]));
    }

    private static void WriteData(Timeline timeline, Utf8JsonWriter json)
    {
        // The default encoder escapes what could end the script element.
        TraceLog log = timeline.Log;
        IGrouping<long, TraceSpan>[] goroutines = [.. timeline.Spans.GroupBy(s => s.Goroutine)];
        IGrouping<long, TraceSpan>[] shown = [.. goroutines
            .OrderByDescending(g => g.Where(s => s.State == SpanState.Running).Sum(s => s.End - s.Start))
            .Take(MaxGoroutines)
            .OrderBy(g => g.Key)];
        List<string> reasons = [];
        json.WriteStartObject();
        json.WriteString("program", log.Program);
        json.WriteNumber("pid", log.ProcessId);
        json.WriteNumber("length", timeline.Length);
        json.WriteNumber("events", log.Count);
        json.WriteNumber("lost", log.Lost);
        json.WriteBoolean("complete", log.IsComplete);
        json.WriteNumber("hidden", goroutines.Length - shown.Length);
        WriteRows(json, "ps", timeline.Spans.Where(s => s.Processor >= 0).GroupBy(s => (long)s.Processor).OrderBy(p => p.Key), reasons);
        WriteRows(json, "gs", shown, reasons);
        json.WriteStartArray("marks");
        foreach (TraceMark mark in timeline.Marks)
        {
            WriteRow(json, mark.Time, mark.Processor, Index(reasons, mark.What), mark.Goroutine);
        }

        json.WriteEndArray();
        json.WriteStartArray("gc");
        foreach (TracePause pause in timeline.Pauses)
        {
            WriteRow(json, pause.Start, pause.End - pause.Start, pause.Generation);
        }

        json.WriteEndArray();
        json.WriteStartArray("reasons");
        reasons.ForEach(json.WriteStringValue);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteRows(Utf8JsonWriter json, string name, IEnumerable<IGrouping<long, TraceSpan>> rows, List<string> reasons)
    {
        json.WriteStartArray(name);
        foreach (IGrouping<long, TraceSpan> row in rows)
        {
            json.WriteStartObject();
            json.WriteNumber("id", row.Key);
            json.WriteStartArray("spans");
            foreach (TraceSpan span in row)
            {
                WriteRow(json, span.Start, span.End - span.Start, (long)span.State, Index(reasons, span.Reason), span.Goroutine, span.Processor);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteRow(Utf8JsonWriter json, params ReadOnlySpan<long> values)
    {
        json.WriteStartArray();
        foreach (long value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }

    private static int Index(List<string> reasons, string reason)
    {
        int index = reasons.IndexOf(reason);
        if (index < 0)
        {
            index = reasons.Count;
            reasons.Add(reason);
        }

        return index;
    }
}
