using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary><c>ilpreempt trace</c> and <c>ilpreempt hogs</c> from the command line to the files and tables they write.</summary>
public sealed class TraceTests : IDisposable
{
    private const int Processors = 1;
    private const int Goroutines = 2;
    private const int Runtime = 3;

    private readonly string _folder = Directory.CreateTempSubdirectory("ilpreempt-trace-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Trace_OfHogs_HasATrackForEachProcessorAndGoroutine()
    {
        ChildResult result = Trace(["--html", Path.Combine(_folder, "t.html")], ["--maxprocs", "1", Repo.TestApp("Hogs"), "1"]);
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Matches(@"^ilpreempt: \d+ events in \S+/t\.json and \S+/t\.html, 0 lost\n$", result.StdErr);
        Assert.Contains("shares", result.StdOut, StringComparison.Ordinal);
        JsonElement trace = ReadTrace();
        Assert.Equal("Hogs.dll", trace.GetProperty("otherData").GetProperty("program").GetString());
        Assert.True(trace.GetProperty("otherData").GetProperty("complete").GetBoolean());
        Span[] spans = Spans(trace);
        Assert.Equal([0], spans.Where(s => s.Process == Processors).Select(s => s.Thread).Distinct());

        // Main, four hogs and the sleeper.
        Assert.Equal([1, 2, 3, 4, 5, 6], spans.Where(s => s.Process == Goroutines).Select(s => s.Thread).Distinct().Order());
        AssertNoOverlap(spans);
        Assert.Contains(spans, s => s.Stop.StartsWith("preempted", StringComparison.Ordinal));
        Assert.Contains(spans, s => s is { Process: Goroutines, Thread: 6, Name: "sleep" });

        // What runs on the processor is what the goroutines say of themselves.
        Assert.Equal(
            spans.Count(s => s.Process == Processors), spans.Count(s => s is { Process: Goroutines, Name: "running" }));
    }

    [Fact]
    public void Trace_OfAProgram_LeavesItsOutputExitCodeAndVariablesAlone()
    {
        string app = Repo.TestApp("Surroundings");
        ChildResult plain = ChildProcess.Plain(app, ["5"]);
        ChildResult traced = Trace([], [app, "5"]);
        Assert.Equal(5, traced.ExitCode);
        Assert.Equal(plain.StdOut.Split('\n')[1..], traced.StdOut.Split('\n')[1..]);
        Assert.Contains(Spans(ReadTrace()), s => s.Process == Runtime && s.Name.StartsWith("GC pause", StringComparison.Ordinal));
    }

    [Fact]
    public void Trace_OfACrash_KeepsWhatWasRecorded()
    {
        string app = Repo.TestApp("Crash");
        ChildResult traced = Trace([], [app, "failfast"]);
        Assert.Equal(ChildProcess.Plain(app, ["failfast"]).ExitCode, traced.ExitCode);
        Assert.EndsWith("; the process was killed, its last events are missing\n", traced.StdErr, StringComparison.Ordinal);
        Assert.False(ReadTrace().GetProperty("otherData").GetProperty("complete").GetBoolean());
    }

    [Fact]
    public void Trace_WithADuration_WritesWhileTheProgramGoesOn()
    {
        ChildResult result = Trace(["--duration", "200ms"], [Repo.TestApp("Surroundings")]);
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.InRange(Spans(ReadTrace()).Max(s => s.End), 0, 1_000_000);
    }

    [Fact]
    public void Trace_OfALiveProcess_RecordsIt()
    {
        ChildResult? traced = null;
        RunHogs(pid => traced = ChildProcess.Run(Repo.IlPreempt, ["trace", pid, "--duration", "0.5", "-o", Json]));
        Assert.True(traced is { ExitCode: 0 }, $"{traced}");
        Span[] spans = Spans(ReadTrace());
        AssertNoOverlap(spans);
        Assert.True(spans.Where(s => s.Process == Goroutines && s.Name == "running").Select(s => s.Thread).Distinct().Count() >= 4);
    }

    [Fact]
    public void Hogs_OfALiveProcess_NamesTheMethodThatUsesUpSlices()
    {
        ChildResult? hogs = null;
        RunHogs(pid => hogs = ChildProcess.Run(Repo.IlPreempt, ["hogs", pid, "--duration", "1"]));
        Assert.True(hogs is { ExitCode: 0 }, $"{hogs}");
        string[] lines = hogs.StdOut.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("slices  share  method", lines[0]);
        Match first = Regex.Match(lines[1], @"^ *(\d+) +([\d.]+)%  Program\.Hog\(Int64 ByRef\)$");
        Assert.True(first.Success, hogs.ToString());
        Assert.True(double.Parse(first.Groups[2].Value, CultureInfo.InvariantCulture) > 50, hogs.ToString());
    }

    [Fact]
    public void Hogs_InCodeWithoutChecks_NamesTheMethodThatSignalsMet()
    {
        ChildResult? hogs = null;
        Run("SignalGuest", ["dump-me"], pid => hogs = ChildProcess.Run(Repo.IlPreempt, ["hogs", pid, "--duration", "1"]));
        Assert.True(hogs is { ExitCode: 0 }, $"{hogs}");
        Assert.Matches(@"^slices  share  method\n *\d+ +[\d.]+%  Program\.Spin\(", hogs.StdOut);
    }

    [Fact]
    public void Html_OfATrace_NeedsNothingElse()
    {
        string html = Path.Combine(_folder, "t.html");
        Trace(["--html", html], [Repo.TestApp("Hogs"), "0.2"]);
        string text = File.ReadAllText(html);
        Assert.DoesNotContain("/*DATA*/", text, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"(src|href)\s*=|https?:|@import|url\(|fetch\(|XMLHttpRequest", text);
    }

    [FactInABrowser]
    public void Html_InABrowser_DrawsEveryRow()
    {
        string html = Path.Combine(_folder, "t.html");
        Trace(["--html", html], ["--maxprocs", "1", Repo.TestApp("Hogs"), "1"]);
        ChildResult page = ChildProcess.Run(
            FactInABrowserAttribute.Browser!,
            ["--headless", "--no-sandbox", "--disable-gpu", $"--user-data-dir={_folder}/profile", "--window-size=1400,600", "--dump-dom", "file://" + html],
            new ChildOptions { Timeout = TimeSpan.FromSeconds(90) });
        Match body = Regex.Match(page.StdOut, @"<body data-state=""(\w+)"" data-drawn=""(\d+)"" data-rows=""(\d+)""");
        Assert.True(body.Success, page.ToString());

        // One processor and six goroutines, and collections if there were any.
        Assert.Equal("drawn", body.Groups[1].Value);
        Assert.InRange(int.Parse(body.Groups[3].Value, CultureInfo.InvariantCulture), 7, 8);
        Assert.InRange(int.Parse(body.Groups[2].Value, CultureInfo.InvariantCulture), 100, 100_000);
        Assert.Contains("1 processors, 6 goroutines", page.StdOut, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(64, "trace: give either a PID, or -- and a program with its arguments.", "trace")]
    [InlineData(64, "--duration: 'soon' is not a duration", "trace", "1", "--duration", "soon")]
    [InlineData(69, "there is no process 2147483647", "trace", "2147483647")]
    [InlineData(69, "there is no process 2147483647", "hogs", "2147483647")]
    [InlineData(73, "/no/such/folder/t.json: cannot be written", "trace", "1", "-o", "/no/such/folder/t.json")]
    public void CommandLine_WithAMistake_IsToldInOneLine(int exitCode, string words, params string[] arguments)
    {
        ChildResult result = ChildProcess.Run(Repo.IlPreempt, arguments, new ChildOptions { WorkingDirectory = _folder });
        Assert.True(result.ExitCode == exitCode && result.StdOut.Length == 0, result.ToString());
        Assert.StartsWith("ilpreempt: " + words, result.StdErr, StringComparison.Ordinal);
        Assert.Equal(result.StdErr.Length - 1, result.StdErr.IndexOf('\n'));
    }

    [Fact]
    public void Trace_OfAProcessThatIsNotHosted_SaysSo()
    {
        ChildResult? traced = null;
        RunHogs(pid => traced = ChildProcess.Run(Repo.IlPreempt, ["trace", pid, "-o", Json]), hosted: false);
        Assert.Equal(69, traced?.ExitCode);
        Assert.Contains("has no socket of ILPreempt: it is not hosted", traced!.StdErr, StringComparison.Ordinal);
    }

    private string Json => Path.Combine(_folder, "t.json");

    private ChildResult Trace(string[] options, string[] program) =>
        ChildProcess.Run(Repo.IlPreempt, ["trace", "-o", Json, .. options, "--", .. program], new ChildOptions { Timeout = TimeSpan.FromSeconds(60) });

    /// <summary>Runs hogs for longer than <paramref name="look"/> needs, calls it once they compute, and ends them.</summary>
    private static void RunHogs(Action<string> look, bool hosted = true)
    {
        if (hosted)
        {
            Action<string> atOnce = look;
            look = pid =>
            {
                // .NET's own port listens before the scheduler is there.
                DiagnosticTarget.WaitForTheDoor(pid);
                atOnce(pid);
            };
        }

        string command = hosted ? "exec \"$0\" run \"$1\" 60" : "exec \"$2\" \"$3\" 1 60";
        RunShell($"echo ready $$; {command}", look, Repo.IlPreempt, Repo.TestApp("Hogs"), Repo.Dotnet, Repo.TestApp("Heartbeat"));
    }

    private static void Run(string app, string[] arguments, Action<string> look) =>
        RunShell("exec \"$0\" run \"$@\"", pid => { DiagnosticTarget.WaitForTheDoor(pid); look(pid); }, [Repo.IlPreempt, Repo.TestApp(app), .. arguments]);

    private static void RunShell(string script, Action<string> look, params string[] arguments)
    {
        Exception? failure = null;
        ChildProcess.Run("/bin/sh", ["-c", script, .. arguments], new ChildOptions
        {
            Timeout = TimeSpan.FromSeconds(90),
            Environment = new Dictionary<string, string?> { ["ILPREEMPT_MAXPROCS"] = "1" },
            OnOutputLine = (child, line) =>
            {
                if (!line.StartsWith("ready ", StringComparison.Ordinal))
                {
                    return;
                }

                try
                {
                    DiagnosticTarget.WaitUntilItListens(int.Parse(line[6..], CultureInfo.InvariantCulture));
                    look(line[6..]);
                }
                catch (Exception e)
                {
                    failure = e;
                }

                child.Signal(9);
            },
        });
        Assert.True(failure == null, failure?.ToString());
    }

    private JsonElement ReadTrace() => JsonDocument.Parse(File.ReadAllBytes(Json)).RootElement;

    private static Span[] Spans(JsonElement trace) =>
    [
        .. trace.GetProperty("traceEvents").EnumerateArray().Where(e => e.GetProperty("ph").GetString() == "X").Select(e => new Span(
            e.GetProperty("name").GetString()!,
            e.GetProperty("pid").GetInt32(),
            e.GetProperty("tid").GetInt32(),
            e.GetProperty("ts").GetDecimal(),
            e.GetProperty("ts").GetDecimal() + e.GetProperty("dur").GetDecimal(),
            e.TryGetProperty("args", out JsonElement args) && args.TryGetProperty("stop", out JsonElement stop) ? stop.GetString()! : "")),
    ];

    private static void AssertNoOverlap(Span[] spans)
    {
        foreach (IGrouping<(int, int), Span> track in spans.GroupBy(s => (s.Process, s.Thread)))
        {
            Span[] ordered = [.. track.OrderBy(s => s.Start).ThenBy(s => s.End)];
            for (int i = 1; i < ordered.Length; i++)
            {
                Assert.True(ordered[i].Start >= ordered[i - 1].End, $"{ordered[i - 1]} overlaps {ordered[i]}");
            }
        }
    }

    private sealed record Span(string Name, int Process, int Thread, decimal Start, decimal End, string Stop);
}

/// <summary>A fact that runs only with ILPREEMPT_TESTS_LONG=1 and where a Chromium is installed.</summary>
internal sealed class FactInABrowserAttribute : FactAttribute
{
    public FactInABrowserAttribute()
    {
        if (!Switches.Long)
        {
            Skip = "needs a browser; set ILPREEMPT_TESTS_LONG=1";
        }
        else if (Browser is null)
        {
            Skip = "needs chromium, chromium-headless-shell or google-chrome";
        }
    }

    internal static string? Browser { get; } =
        new[] { "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome" }
            .SelectMany(_ => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), (name, folder) => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
}
