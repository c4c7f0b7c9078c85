using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Diagnostics.Views;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Diagnostics.Tests;

/// <summary>TestApps/EveryState by each of the three ways: every goroutine once, in the right state, with reason, stack and line.</summary>
public class EveryStateTests
{
    private const int Crowd = 50;
    private const int Others = 13;

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
        WaitTarget? socket = One(p, "ReadingASocket").WaitsFor, semaphore = p.Goroutines.First(g => Runs(g, "Crowding")).WaitsFor;
        Assert.Equal(("socket", "System.Net.Sockets.SafeSocketHandle"), (socket?.Kind, socket?.Type));
        Assert.True(socket!.Descriptor > 2, $"{socket}");
        if (way != "core")
        {
            Assert.StartsWith("127.0.0.1:", socket.Local, StringComparison.Ordinal);
            Assert.StartsWith("127.0.0.1:", socket.Remote, StringComparison.Ordinal);
        }

        Assert.Equal(("event", "System.Threading.ManualResetEventSlim"), (AssertWaits(p, "WaitingForAnEvent", "semacquire").WaitsFor?.Kind, One(p, "WaitingForAnEvent").WaitsFor?.Type));
        Assert.Equal(("semaphore", "System.Threading.SemaphoreSlim"), (semaphore?.Kind, semaphore?.Type));
        GoroutineSnapshot newLock = AssertWaits(p, "EnteringTheNewLock", "monitor enter");
        Assert.Equal((owner.Id, "lock", "System.Threading.Lock"), (newLock.WaitsFor?.OwnerGoroutine, newLock.WaitsFor?.Kind, newLock.WaitsFor?.Type));
        AssertWaits(p, "WaitingForAPulse", "sync.Cond.Wait");
        Assert.Equal(("condition", "System.Object"), Target(p, "WaitingForAPulse"));
        AssertWaits(p, "JoiningAThread", "semacquire");
        Assert.Equal(("thread", "System.Threading.Thread"), Target(p, "JoiningAThread"));
        Assert.Equal("task", One(p, "WaitingForTask").WaitsFor?.Kind);
        Assert.Equal(("lock", "timer"), (blocked.WaitsFor?.Kind, owner.WaitsFor?.Kind));
        Assert.InRange(owner.WaitsFor!.Due!.Value, TimeSpan.FromHours(23), TimeSpan.FromHours(24));
        GoroutineSnapshot[] crowd = [.. p.Goroutines.Where(g => Runs(g, "Crowding"))];
        Assert.Equal(Crowd, crowd.Length);
        Assert.All(crowd, g => Assert.Equal(("semacquire", semaphore?.Address), (g.WaitReason, g.WaitsFor?.Address)));
        Assert.All(p.Goroutines.Where(g => g.Id > 1), AssertCreatedByMain);
        Assert.All(p.Goroutines.Where(g => g.Id > 1), g => Assert.Equal(1, g.ParentId));
        Assert.All(p.Goroutines, g => Assert.DoesNotContain(g.Frames, f => f.Method.StartsWith("ILPreempt.", StringComparison.Ordinal)));
        Assert.DoesNotContain(p.Threads, t => p.Goroutines.Any(g => g.ThreadId == t.ThreadId));
        AssertLine(One(p, "SleepingLong"), "Program.SleepingLong()", "Thread.Sleep(Timeout.Infinite);");
        AssertLine(blocked, "Program.EnteringTheLock()", "lock (s_lock)");
    }

    [Fact]
    public void Read_AThousandWaitersForOneSemaphore_EachOnceWithItsStack()
    {
        const int Thousand = 1000;
        ProcessSnapshot p = Read("socket", Thousand);
        GoroutineSnapshot[] crowd = [.. p.Goroutines.Where(g => Runs(g, "Crowding"))];
        Assert.Equal((Thousand + Others, Thousand), (p.Goroutines.Count, crowd.Length));
        Assert.Equal(p.Goroutines.Count, p.Goroutines.Select(g => g.Id).Distinct().Count());
        Assert.All(crowd, g => Assert.Equal("semacquire", g.WaitReason));
        Assert.Single(crowd.Select(g => g.WaitsFor?.Address).OfType<ulong>().Distinct());
        AssertFormatsAgree(p);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Read_OfOneSnapshot_TextGoAndJsonAgree(string way)
    {
        ProcessSnapshot p = Read(way);
        AssertFormatsAgree(p);

        // On a busy machine some of the crowd may still be on their way into the wait: another stack, another group. One waits for an event and one for a thread.
        MatchCollection groups = Regex.Matches(Written(w => GroupText.Write(p, w)), @"~~~~ (\d+) goroutines \[semacquire\]");
        Assert.Equal(Crowd + 2, groups.Sum(g => int.Parse(g.Groups[1].Value, CultureInfo.InvariantCulture)));
    }

    private static void AssertFormatsAgree(ProcessSnapshot p)
    {
        string text = Written(w => GoText.Write(p, w)), go = Written(w => GoText.Write(p, w, strict: true)), json = Written(w => JsonText.Write(p, w));
        using JsonDocument document = JsonDocument.Parse(json);
        string[] fromJson = [.. document.RootElement.GetProperty("goroutines").EnumerateArray().Select(g =>
            $"{g.GetProperty("id")} {(g.GetProperty("waitReason").ValueKind == JsonValueKind.Null ? g.GetProperty("state") : g.GetProperty("waitReason"))}")];
        Assert.Equal(fromJson, Headers(text));
        Assert.Equal(fromJson, Headers(go));
        Assert.Equal(p.Goroutines.Count, fromJson.Length);

        // The lines under each header are its frames, in all three forms.
        string[] frames = [.. document.RootElement.GetProperty("goroutines").EnumerateArray().SelectMany(g => g.GetProperty("frames").EnumerateArray()).Select(Frame)];
        string[] origins = [.. document.RootElement.GetProperty("goroutines").EnumerateArray().Where(g => g.GetProperty("createdBy").ValueKind != JsonValueKind.Null)
            .Select(g => $"created by {g.GetProperty("createdBy").GetProperty("method")} in goroutine {g.GetProperty("parent")}")];
        Assert.Equal(frames, Frames(go));
        Assert.Equal(frames, Frames(text[..text.IndexOf("\nthread ", StringComparison.Ordinal)]));
        Assert.Equal(origins, go.Split('\n').Where(l => l.StartsWith("created by ", StringComparison.Ordinal)));
    }

    private static (string?, string?) Target(ProcessSnapshot p, string method) => (One(p, method).WaitsFor?.Kind, One(p, method).WaitsFor?.Type);

    private static string Frame(JsonElement f) =>
        f.GetProperty("file").ValueKind == JsonValueKind.Null ? $"{f.GetProperty("method")}" : $"{f.GetProperty("method")}\n\t{f.GetProperty("file")}:{f.GetProperty("line")}";

    private static List<string> Frames(string text)
    {
        List<string> frames = [];
        bool origin = false;
        foreach (string line in text.Split('\n').Where(l => l.Length > 0 && l[0] != '[' && !l.StartsWith("goroutine ", StringComparison.Ordinal)))
        {
            if (line[0] != '\t')
            {
                origin = line.StartsWith("created by ", StringComparison.Ordinal);
                frames.AddRange(origin ? [] : [line]);
            }
            else if (!origin)
            {
                frames[^1] += "\n" + line;
            }
        }

        return frames;
    }

    private static void AssertCreatedByMain(GoroutineSnapshot g)
    {
        FrameSnapshot? site = g.CreatedBy;
        Assert.Equal("Program.Main(System.String[])", site?.Method);

        // Optimised code has one position for the head of a short loop and its body.
        Assert.Matches(@"Goroutine\.Start\(|foreach \(Action body", File.ReadLines(site!.File!).ElementAt(site.Line - 1));
    }

    private static string[] Headers(string text) =>
        [.. text.Split('\n').Where(l => l.StartsWith("goroutine ", StringComparison.Ordinal)).Select(l => l["goroutine ".Length..].Replace("[", "", StringComparison.Ordinal).Replace("]:", "", StringComparison.Ordinal))];

    private static string Written(Action<TextWriter> write)
    {
        using StringWriter writer = new(CultureInfo.InvariantCulture);
        write(writer);
        return writer.ToString();
    }

    private static ProcessSnapshot Read(string way, int crowd = Crowd)
    {
        Func<int, ProcessSnapshot> read = way switch
        {
            "socket" => static pid => ProcessReader.Read(pid, ReadWay.Socket),
            "attach" => static pid => ProcessReader.Read(pid, ReadWay.Attach),
            _ => FromCore,
        };
        ProcessSnapshot? snapshot = null;
        LiveProgram.Use(Repo.TestApp("EveryState"), ["--maxprocs", "1"], [$"{crowd}"], pid =>
        {
            // The two that run may be caught where they have no stack: ready but on no CPU for as long as a snapshot waits, or between
            // managed code and the handler of a signal.
            snapshot = read(pid);
            for (int i = 0; i < 10 && snapshot.Goroutines.Any(g => g.Frames.Count == 0); i++)
            {
                snapshot = read(pid);
            }
        });
        return snapshot!;
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
