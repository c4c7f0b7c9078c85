using System.Globalization;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>ps, top, set, dump, collect and SIGQUIT from the command line, on TestApps/EveryState.</summary>
public class DiagnosticsCommandTests
{
    private const int Goroutines = 18;
    private const int SigQuit = 3;

    [Fact]
    public void Ps_AHostedProcess_IsListedWithItsGoroutines() => With((pid, _) =>
    {
        ChildResult ps = Command("ps");
        Assert.Equal((0, ""), (ps.ExitCode, ps.StdErr));
        string line = Assert.Single(ps.StdOut.Split('\n'), l => l.TrimStart().StartsWith($"{pid} ", StringComparison.Ordinal));
        Assert.StartsWith($"{pid} EveryState {Goroutines} ", string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    });

    [Fact]
    public void Set_OfAProcess_IsSeenByTop() => With((pid, _) =>
    {
        ChildResult set = Command("set", $"{pid}", "maxprocs=3", "slice=2ms");
        Assert.Equal((0, ""), (set.ExitCode, set.StdErr));
        ChildResult top = Command("top", $"{pid}", "--interval", "100");
        Assert.Equal((0, ""), (top.ExitCode, top.StdErr));
        Assert.Contains("slice 2 ms", top.StdOut, StringComparison.Ordinal);
        Assert.Contains("runnable to running, us", top.StdOut, StringComparison.Ordinal);
        Assert.Equal(3, top.StdOut.Split('\n').SkipWhile(l => !l.StartsWith("P ", StringComparison.Ordinal)).Skip(1).TakeWhile(l => !l.StartsWith("GOROUTINE", StringComparison.Ordinal)).Count());
    });

    [Theory]
    [InlineData("maxprocs=0")]
    [InlineData("slice=1")]
    [InlineData("colour=red")]
    public void Set_AMistake_IsOneLineThatNamesIt(string change) => With((pid, _) =>
    {
        ChildResult set = Command("set", $"{pid}", change);
        Assert.Equal(69, set.ExitCode);
        Assert.Contains(change, Assert.Single(Lines(set.StdErr)), StringComparison.Ordinal);
    });

    [Fact]
    public void Dump_OfACollectedCore_ShowsWhatTheProcessShows() => With((pid, _) =>
    {
        string core = Path.Combine(Path.GetTempPath(), $"core {pid}");
        try
        {
            Assert.Equal(0, Command("collect", $"{pid}", "-o", core).ExitCode);
            Assert.Equal(Headers(Command("dump", $"{pid}", "--format", "go").StdOut), Headers(Command("dump", core, "--format", "go").StdOut));
        }
        finally
        {
            File.Delete(core);
        }
    });

    [Fact]
    public void Dump_OneGoroutineIntoAFile_HasOnlyThatOne() => With((pid, _) =>
    {
        string file = Path.GetTempFileName();
        try
        {
            ChildResult dump = Command("dump", $"{pid}", "--goroutine", "1", "-o", file);
            Assert.Equal((0, "", ""), (dump.ExitCode, dump.StdOut, dump.StdErr));
            Assert.Equal(["goroutine 1 [sleep]:"], Headers(File.ReadAllText(file)));
            Assert.Equal(69, Command("dump", $"{pid}", "--goroutine", "999").ExitCode);
            Assert.Equal(64, Command("dump", $"{pid}", "--format", "xml").ExitCode);
        }
        finally
        {
            File.Delete(file);
        }
    });

    [Fact]
    public void Quit_ByDefault_PrintsTheGoroutinesAndEndsAsPlainDotnetDoes()
    {
        ChildResult child = With((_, process) => process.Signal(SigQuit), kill: false);
        Assert.Equal(128 + SigQuit, child.ExitCode);
        Assert.Equal(Goroutines, Headers(child.StdErr).Length);
        Assert.Contains("Program.Main(System.String[])", child.StdErr, StringComparison.Ordinal);
    }

    [Fact]
    public void Quit_Off_IsPlainDotnets()
    {
        ChildResult child = With((_, process) => process.Signal(SigQuit), kill: false, "--quit", "off");
        Assert.Equal((128 + SigQuit, ""), (child.ExitCode, child.StdErr));
    }

    [Fact]
    public void Diagnostics_Off_ThereIsNoSocket() => With(
        (pid, _) =>
        {
            ChildResult set = Command("set", $"{pid}", "maxprocs=1");
            Assert.Equal(69, set.ExitCode);
            Assert.Contains("ILPREEMPT_DIAGNOSTICS", Assert.Single(Lines(set.StdErr)), StringComparison.Ordinal);
        },
        kill: true,
        "--diagnostics",
        "0");

    private static ChildResult With(Action<int, ChildProcess> use) => With(use, kill: true);

    private static ChildResult With(Action<int, ChildProcess> use, bool kill, params string[] options)
    {
        const int SigKill = 9;
        Exception? failure = null;
        bool used = false;
        ChildResult child = ChildProcess.Hosted(
            Repo.TestApp("EveryState"),
            ["5"],
            new ChildOptions
            {
                OnOutputLine = (process, line) =>
                {
                    if (used || !line.StartsWith("ready ", StringComparison.Ordinal))
                    {
                        return;
                    }

                    used = true;
                    failure = Record.Exception(() => use(int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture), process));
                    if (kill || failure != null)
                    {
                        process.Signal(SigKill);
                    }
                },
            },
            ["--maxprocs", "2", .. options]);
        Assert.True(failure == null, failure?.ToString());
        Assert.True(used, $"it never was ready: {child}");
        return child;
    }

    private static ChildResult Command(params string[] arguments) => ChildProcess.Run(Repo.IlPreempt, arguments);

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    // The two that compute may run or wait for their turn.
    private static string[] Headers(string text) =>
        [.. Lines(text).Where(l => l.StartsWith("goroutine ", StringComparison.Ordinal)).Select(l => l.Replace("[running]", "[runnable]", StringComparison.Ordinal))];
}
