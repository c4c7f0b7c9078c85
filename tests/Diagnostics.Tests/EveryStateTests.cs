using System.Globalization;
using System.Text.Json;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Diagnostics.Views;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Diagnostics.Tests;

/// <summary>TestApps/EveryState by each of the three ways: every goroutine once, in the right state, with reason, stack and line.</summary>
public class EveryStateTests
{
    private const int Crowd = 50;
    private const int Others = 9;

    public static TheoryData<string> Ways => ["socket", "attach", "core"];

    [Theory]
    [MemberData(nameof(Ways))]
    public void Read_AGoroutineInEveryState_EachOnceWithStateReasonStackAndLine(string way)
    {
        ProcessSnapshot p = Read(way);

        Assert.True(p.IsHosted, string.Join("; ", p.Notes));
        Assert.StartsWith(way, p.Way, StringComparison.Ordinal);
        Assert.Equal(Crowd + Others, p.Goroutines.Count);
        Assert.Equal(p.Goroutines.Select(g => g.Id).Distinct().Order(), p.Goroutines.Select(g => g.Id));
        GoroutineSnapshot counting = One(p, "Counting");
        GoroutineSnapshot regex = One(p, "InsideRegex");

        // One processor: at most one of the two runs, the other was stopped.
        Assert.Subset(new HashSet<string> { "Running", "Runnable" }, new HashSet<string> { counting.State, regex.State });
        Assert.Contains("Runnable", new[] { counting.State, regex.State });
        Assert.True(regex.State == "Running" || regex.IsParkedBySignal, "stopped inside the framework, where only a signal stops");
        Assert.True(regex.PreemptedBySignal > 0, "a signal stopped it before");
        Assert.Contains(regex.Frames, f => f.Method.StartsWith("System.Text.RegularExpressions.", StringComparison.Ordinal));
        AssertWaits(p, "SleepingLong", "sleep");
        AssertWaits(p, "WaitingForTask", "task wait");
        AssertWaits(p, "ReadingASocket", "IO wait");
        AssertWaits(p, "InNativeCode", "syscall");
        GoroutineSnapshot owner = AssertWaits(p, "OwningTheLock", "sleep");
        GoroutineSnapshot blocked = AssertWaits(p, "EnteringTheLock", "monitor enter");
        Assert.Equal((owner.Id, "System.Object"), (blocked.WaitsFor?.OwnerGoroutine, blocked.WaitsFor?.Type));
        Assert.Contains("Task", One(p, "WaitingForTask").WaitsFor?.Type, StringComparison.Ordinal);
        GoroutineSnapshot[] crowd = [.. p.Goroutines.Where(g => Runs(g, "Crowding"))];
        Assert.Equal(Crowd, crowd.Length);
        Assert.All(crowd, g => Assert.Equal("semacquire", g.WaitReason));
        Assert.All(p.Goroutines.Where(g => g.Id > 1), g => Assert.Equal(1, g.ParentId));
        Assert.All(p.Goroutines, g => Assert.DoesNotContain(g.Frames, f => f.Method.StartsWith("ILPreempt.", StringComparison.Ordinal)));
        Assert.DoesNotContain(p.Threads, t => p.Goroutines.Any(g => g.ThreadId == t.ThreadId));
        AssertLine(One(p, "SleepingLong"), "Program.SleepingLong()", "Thread.Sleep(Timeout.Infinite);");
        AssertLine(blocked, "Program.EnteringTheLock()", "lock (s_lock)");
    }

    [Fact]
    public void Read_OfOneSnapshot_TextGoAndJsonAgree()
    {
        ProcessSnapshot p = Read("socket");
        string text = Written(w => GoText.Write(p, w)), go = Written(w => GoText.Write(p, w, strict: true)), json = Written(w => JsonText.Write(p, w));
        using JsonDocument document = JsonDocument.Parse(json);
        string[] fromJson = [.. document.RootElement.GetProperty("goroutines").EnumerateArray().Select(g =>
            $"{g.GetProperty("id")} {(g.GetProperty("waitReason").ValueKind == JsonValueKind.Null ? g.GetProperty("state") : g.GetProperty("waitReason"))}")];
        Assert.Equal(fromJson, Headers(text));
        Assert.Equal(fromJson, Headers(go));
        Assert.Equal(Crowd + Others, fromJson.Length);
        Assert.Contains($"~~~~ {Crowd} goroutines [semacquire]", Written(w => GroupText.Write(p, w)), StringComparison.Ordinal);
    }

    private static string[] Headers(string text) =>
        [.. text.Split('\n').Where(l => l.StartsWith("goroutine ", StringComparison.Ordinal)).Select(l => l["goroutine ".Length..].Replace("[", "", StringComparison.Ordinal).Replace("]:", "", StringComparison.Ordinal))];

    private static string Written(Action<TextWriter> write)
    {
        using StringWriter writer = new(CultureInfo.InvariantCulture);
        write(writer);
        return writer.ToString();
    }

    private static ProcessSnapshot Read(string way)
    {
        ProcessSnapshot? snapshot = null;
        LiveProgram.Use(Repo.TestApp("EveryState"), ["--maxprocs", "1"], [$"{Crowd}"], pid => snapshot = way switch
        {
            "socket" => FromSocket(pid),
            "attach" => ProcessReader.Read(pid, ReadWay.Attach),
            _ => FromCore(pid),
        });
        return snapshot!;
    }

    // A thread that was ready but on no CPU for as long as a snapshot waits has no registers to save: its stack is empty then.
    private static ProcessSnapshot FromSocket(int pid)
    {
        ProcessSnapshot snapshot = ProcessReader.Read(pid, ReadWay.Socket);
        for (int i = 0; i < 10 && snapshot.Goroutines.Any(g => g.Frames.Count == 0); i++)
        {
            snapshot = ProcessReader.Read(pid, ReadWay.Socket);
        }

        return snapshot;
    }

    private static ProcessSnapshot FromCore(int pid)
    {
        string core = Path.Combine(Path.GetTempPath(), $"everystate-{pid}.core");
        try
        {
            ProcessReader.WriteCore(pid, core);
            return ProcessReader.ReadCore(core);
        }
        finally
        {
            File.Delete(core);
        }
    }

    private static GoroutineSnapshot AssertWaits(ProcessSnapshot p, string method, string reason)
    {
        GoroutineSnapshot g = One(p, method);
        Assert.Equal(reason, g.WaitReason);
        return g;
    }

    private static void AssertLine(GoroutineSnapshot g, string method, string code)
    {
        FrameSnapshot frame = Assert.Single(g.Frames, f => f.Method == method);
        Assert.NotNull(frame.File);
        Assert.Contains(code, File.ReadLines(frame.File).ElementAt(frame.Line - 1), StringComparison.Ordinal);
    }

    private static GoroutineSnapshot One(ProcessSnapshot p, string method) => Assert.Single(p.Goroutines, g => Runs(g, method));

    private static bool Runs(GoroutineSnapshot g, string method) => g.Frames.Any(f => f.Method.StartsWith($"Program.{method}(", StringComparison.Ordinal));
}
