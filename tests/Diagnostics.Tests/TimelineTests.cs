using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using ILPreempt.Diagnostics.Trace;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Telemetry;
using Xunit;

namespace ILPreempt.Diagnostics.Tests;

/// <summary>Recordings made by hand: what the tool makes of each event, and of files that are not as they should be.</summary>
public sealed class TimelineTests : IDisposable
{
    private const long Origin = 1_000_000;

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Spans_OfALife_FollowItsStates()
    {
        Timeline timeline = new(Log(
            Event(10, TraceKind.Create, 7),
            Event(20, TraceKind.Start, 7, 0),
            Event(30, TraceKind.Stop, 7, 0, (byte)StopReason.Check),
            Event(40, TraceKind.Start, 7, 1),
            Event(50, TraceKind.Block, 7, 1, (byte)WaitReason.ChanReceive),
            Event(60, TraceKind.Unblock, 7),
            Event(70, TraceKind.Start, 7, 0),
            Event(80, TraceKind.SyscallEnter, 7, 0, (byte)WaitReason.MonitorEnter, 1),
            Event(90, TraceKind.SyscallExit, 7, 1),
            Event(100, TraceKind.End, 7, 1)));
        Assert.Equal(
            [
                new TraceSpan(7, SpanState.Runnable, 10, 20, -1, ""),
                new TraceSpan(7, SpanState.Running, 20, 30, 0, "preempted at a check"),
                new TraceSpan(7, SpanState.Runnable, 30, 40, -1, ""),
                new TraceSpan(7, SpanState.Running, 40, 50, 1, "chan receive"),
                new TraceSpan(7, SpanState.Waiting, 50, 60, -1, "chan receive"),
                new TraceSpan(7, SpanState.Runnable, 60, 70, -1, ""),
                new TraceSpan(7, SpanState.Running, 70, 80, 0, "monitor enter, retaken"),
                new TraceSpan(7, SpanState.Syscall, 80, 90, -1, "monitor enter"),
                new TraceSpan(7, SpanState.Running, 90, 100, 1, "end"),
            ],
            timeline.Spans);
    }

    [Theory]
    [InlineData(nameof(TraceKind.Start), SpanState.Runnable)]
    [InlineData(nameof(TraceKind.Block), SpanState.Running)]
    [InlineData(nameof(TraceKind.Unblock), SpanState.Waiting)]
    [InlineData(nameof(TraceKind.SyscallWait), SpanState.Syscall)]
    public void Spans_OfAGoroutineThatWasThereBefore_BeginWithWhatItMustHaveDone(string kind, SpanState state)
    {
        TraceSpan first = new Timeline(Log(Event(50, Enum.Parse<TraceKind>(kind), 3, 0))).Spans[0];
        Assert.Equal((state, 0L, 50L), (first.State, first.Start, first.End));
    }

    [Fact]
    public void Events_OutOfOrder_AreSortedAndLeftoversDropped()
    {
        TraceLog log = Log(Event(40, TraceKind.Stop, 2, 0), Event(-5, TraceKind.Start, 2, 0), Event(20, TraceKind.Start, 2, 0));
        Assert.Equal([20L, 40L], log.Events.Select(e => e.Time - Origin));
    }

    [Fact]
    public void Marks_AndPauses_AreKept()
    {
        Timeline timeline = new(Log(
            Event(10, TraceKind.Handoff, 0, 1),
            Event(20, TraceKind.Steal, 5, 1),
            Event(30, TraceKind.Retake, 6, 0),
            Event(40, TraceKind.GcPause, 0, -1, 2, 15)));
        Assert.Equal([new TraceMark(10, 1, "handoff", 0), new TraceMark(20, 1, "steal", 5), new TraceMark(30, 0, "retake", 6)], timeline.Marks);
        Assert.Equal([new TracePause(40, 55, 2)], timeline.Pauses);
        Assert.Equal(55, timeline.Length);
    }

    [Fact]
    public void SliceEnds_OfARecording_CountWhereGoroutinesHadToStop()
    {
        TraceLog log = Log(
            Event(10, TraceKind.Stop, 1, 0, (byte)StopReason.Check, 0x1000),
            Event(20, TraceKind.Stop, 1, 0, (byte)StopReason.Signal, 0x1000),
            Event(30, TraceKind.Stop, 1, 0, (byte)StopReason.Yield, 0x2000),
            Event(40, TraceKind.Retake, 1, 0));
        Assert.Equal(new Dictionary<ulong, int> { [0x1000] = 2, [0] = 1 }, log.SliceEnds());
    }

    [Fact]
    public void Lost_AndCutOff_AreTold()
    {
        TraceLog cut = Log(Event(1, TraceKind.Lost, 0, 0, 0, 12), Event(2, TraceKind.Lost, 0, 1, 0, 30));
        Assert.Equal((42L, false), (cut.Lost, cut.IsComplete));
        Assert.True(Log(Event(1, TraceKind.Finish, 0)).IsComplete);
    }

    [Fact]
    public void Read_OfAFileCutInAnEvent_ReadsTheWholeOnes()
    {
        Write(Event(1, TraceKind.Create, 1), Event(2, TraceKind.Start, 1, 0));
        byte[] bytes = File.ReadAllBytes(_file);
        File.WriteAllBytes(_file, bytes[..^5]);
        TraceLog log = TraceLog.Read(_file);
        Assert.Equal((1, "App.dll", 4711, 2), (log.Count, log.Program, log.ProcessId, log.Processors));
        Assert.False(TraceLog.IsFinished(_file));
    }

    [Theory]
    [InlineData(0, "is not a recording")]
    [InlineData(20, "is not a recording")]
    [InlineData(50, "ends in its header")]
    public void Read_OfAFileThatIsTooShort_SaysSo(int length, string words)
    {
        Write();
        File.WriteAllBytes(_file, File.ReadAllBytes(_file)[..length]);
        Assert.Contains(words, Assert.Throws<TraceException>(() => TraceLog.Read(_file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OfAnotherVersion_SaysWhichIsWanted()
    {
        Write();
        byte[] bytes = File.ReadAllBytes(_file);
        bytes[8] = 9;
        File.WriteAllBytes(_file, bytes);
        Assert.EndsWith("is a recording of version 9, want 1", Assert.Throws<TraceException>(() => TraceLog.Read(_file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ChromeTrace_OfATimeline_IsJsonWithNamedTracksInMicroseconds()
    {
        using MemoryStream output = new();
        ChromeTrace.Write(new Timeline(Log(Event(1500, TraceKind.Start, 7, 3), Event(2750, TraceKind.End, 7, 3), Event(3000, TraceKind.GcPause, 0, -1, 1, 500), Event(4000, TraceKind.GcPause, 0, -1, 255, 500))), output);
        JsonElement root = JsonDocument.Parse(output.ToArray()).RootElement;
        JsonElement[] events = [.. root.GetProperty("traceEvents").EnumerateArray()];
        Assert.Contains(events, e => e.GetProperty("ph").GetString() == "M" && e.GetProperty("args").GetProperty("name").GetString() == "P3");
        Assert.Contains(events, e => e.GetProperty("ph").GetString() == "M" && e.GetProperty("args").GetProperty("name").GetString() == "G7");
        JsonElement run = Assert.Single(events, e => e.GetProperty("name").GetString() == "G7");
        Assert.Equal((1, 3, 1.5m, 1.25m), (run.GetProperty("pid").GetInt32(), run.GetProperty("tid").GetInt32(), run.GetProperty("ts").GetDecimal(), run.GetProperty("dur").GetDecimal()));
        Assert.Single(events, e => e.GetProperty("name").GetString() == "GC pause, generation 1" && e.GetProperty("dur").GetDecimal() == 0.5m);
        Assert.Single(events, e => e.GetProperty("name").GetString() == "GC pause"); // of a generation that nobody told
    }

    [Fact]
    public void HtmlTimeline_OfAProgramWithAnEvilName_StaysAPage()
    {
        using MemoryStream output = new();
        HtmlTimeline.Write(new Timeline(Log("</script><b>.dll", Event(1, TraceKind.Start, 1, 0), Event(9, TraceKind.End, 1, 0))), output);
        string page = Encoding.UTF8.GetString(output.ToArray());
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(page, "</script>"));
        Assert.Contains("\"spans\":[[1,8,0,", page, StringComparison.Ordinal);
    }

    private static TraceEvent Event(long time, TraceKind kind, long g, short p = -1, byte reason = 0, long argument = 0) =>
        new() { Time = Origin + time, Kind = kind, G = g, P = p, M = 0, Reason = reason, Argument = argument };

    private TraceLog Log(params TraceEvent[] events) => Log("App.dll", events);

    private TraceLog Log(string name, params TraceEvent[] events)
    {
        WriteAs(name, events);
        return TraceLog.Read(_file);
    }

    private void Write(params TraceEvent[] events) => WriteAs("App.dll", events);

    private void WriteAs(string name, TraceEvent[] events)
    {
        TraceHeader header = new()
        {
            Magic = TraceHeader.MagicNumber,
            Version = TraceHeader.CurrentVersion,
            ProcessId = 4711,
            StartTime = Origin,
            Procs = 2,
            SliceNs = 10_000_000,
            NameLength = name.Length,
        };
        using FileStream file = File.Create(_file);
        file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<TraceHeader>(in header)));
        file.Write(Encoding.UTF8.GetBytes(name));
        file.Write(MemoryMarshal.AsBytes(events.AsSpan()));
    }
}
