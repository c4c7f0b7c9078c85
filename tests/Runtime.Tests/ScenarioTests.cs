using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Runtime.Tests;

/// <summary>What needs a process of its own: limits, runtime errors, settings (Go: crash_test). The scenarios are in TestApps/Scenarios.</summary>
public class ScenarioTests
{
    [Fact]
    public void Main_UnderEntryPoint_IsGoroutineOne()
    {
        ChildResult child = Run("main-id");
        Assert.Equal((0, "1\nTrue\n1\n"), (child.ExitCode, child.StdOut));
    }

    [Fact]
    public void Pinned_TenThousandAtOnce_AllParkAndEnd()
    {
        ChildResult child = Run("ten-thousand");
        Assert.True(child.ExitCode == 0, child.ToString());
        Assert.Equal("parked 10000\nended 10000\n", child.StdOut);
    }

    [Fact]
    public void ThreadLimit_Exceeded_TwoLinesAndExitCode2()
    {
        ChildResult child = Run("thread-exhaustion", ("ILPREEMPT_MAXTHREADS", "10"));
        Assert.Equal(2, child.ExitCode);
        Assert.Equal(
            "runtime: program exceeds 10-thread limit (ILPREEMPT_MAXTHREADS raises it)\nfatal error: thread exhaustion\n", child.StdErr);
    }

    [Theory]
    [InlineData("illegal-edge", "g7 from Dead to Running is not an edge")]
    [InlineData("lost-state", "g7 is Idle, want Waiting (to become Runnable)")]
    [InlineData("double-ready", "want Waiting (to become Runnable)")]
    public void RuntimeBug_Found_SaysWhatAndAborts(string scenario, string want)
    {
        ChildResult child = Run(scenario);
        Assert.Equal(134, child.ExitCode);
        Assert.Contains("ilpreempt: fatal error in the runtime: casgstatus: ", child.StdErr, StringComparison.Ordinal);
        Assert.Contains(want, child.StdErr, StringComparison.Ordinal);
        Assert.Contains("SCHED ", child.StdErr, StringComparison.Ordinal);
    }

    [Fact]
    public void Exception_LeavesAGoroutine_EndsTheProcessAsDotnetDoes()
    {
        ChildResult child = Run("uncaught");
        Assert.Equal(134, child.ExitCode);
        Assert.Contains("Unhandled exception. System.InvalidOperationException: thrown in a goroutine", child.StdErr, StringComparison.Ordinal);
    }

    [Fact]
    public void Recursion_Runaway_IsCaughtAgainAndAgainAndThePollWordComesDown()
    {
        ChildResult child = Run("recursion", ("DOTNET_TieredCompilation", "0"));
        Assert.True(child.ExitCode == 0, child.ToString());
        Assert.Equal("caught\ncaught\ncaught\npoll 0\n", child.StdOut);
    }

    [Theory]
    [InlineData("1", 1000, 1000)]
    [InlineData("10:5", 50, 200)]
    [InlineData("0", 0, 0)]
    public void Stress_EveryNthCheck_Preempts(string setting, int least, int most)
    {
        ChildResult child = Run("stress", ("ILPREEMPT_STRESS", setting));
        Assert.InRange(int.Parse(child.StdOut), least, most);
    }

    [Fact]
    public void Stress_SameSeed_StopsAtTheSameChecks() =>
        Assert.Equal(Run("stress", ("ILPREEMPT_STRESS", "10:5")).StdOut, Run("stress", ("ILPREEMPT_STRESS", "10:5")).StdOut);

    [Theory]
    [InlineData("0:5", "ILPREEMPT_STRESS=0:5")]
    [InlineData("1", "")]
    public void Stress_WithASeed_LetsTheSchedulerChooseByItAndSaysSo(string setting, string want)
    {
        ChildResult child = Run("trace", ("ILPREEMPT_STRESS", setting), ("ILPREEMPT_SCHEDTRACE", "100"));
        Assert.Equal(want.Length > 0, child.StdErr.Contains("chooses by seed: " + want, StringComparison.Ordinal));
    }

    [Fact]
    public void Settings_FromTheEnvironment_AreUsed()
    {
        ChildResult child = Run(
            "settings", ("ILPREEMPT_MAXPROCS", "3"), ("ILPREEMPT_SLICE", "100us"), ("ILPREEMPT_MAXTHREADS", "77"), ("ILPREEMPT_STACK", "64M"));
        Assert.Equal(("3 100000 77 67108864\n", ""), (child.StdOut, child.StdErr));
    }

    [Fact]
    public void Settings_Unreadable_AreReportedInOneLineAndIgnored()
    {
        ChildResult child = Run("settings", ("ILPREEMPT_MAXPROCS", "3"), ("ILPREEMPT_SLICE", "soon"));
        Assert.Equal("3 10000000 10000 268435456\n", child.StdOut);
        Assert.Equal("ilpreempt: ILPREEMPT_SLICE=soon is ignored: want a duration from 100us to 60s, for example 10ms\n", child.StdErr);
    }

    [Theory]
    [InlineData("report", 7, "ilpreempt: ")]
    [InlineData("exit", 2, "fatal error: ")]
    public void Deadlock_OfAllGoroutines_IsReportedAndEndsTheProcessOnlyOnRequest(string setting, int exitCode, string prefix)
    {
        ChildResult child = Run("deadlock", ("ILPREEMPT_DEADLOCK", setting));
        Assert.Equal(exitCode, child.ExitCode);
        Assert.Equal(
            prefix + "all goroutines are asleep - deadlock!\n\ngoroutine 1 [select]:\n\ngoroutine 2 [chan receive]:\ncreated by goroutine 1\n", child.StdErr);
    }

    [Fact]
    public void Main_ThatWaitsForDotnet_IsNoDeadlock()
    {
        ChildResult child = Run("waits-for-dotnet", ("ILPREEMPT_DEADLOCK", "exit"));
        Assert.Equal((0, "woken\n", ""), (child.ExitCode, child.StdOut, child.StdErr));
    }

    [Fact]
    public void SchedTrace_On_PrintsGosLine()
    {
        ChildResult child = Run("trace", ("ILPREEMPT_SCHEDTRACE", "100"), ("ILPREEMPT_MAXPROCS", "2"));
        string[] lines = child.StdErr.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length >= 2, child.StdErr);
        Assert.All(lines, line => Assert.Matches(
            new Regex(@"^SCHED \d+ms: gomaxprocs=2 idleprocs=\d threads=\d+ spinningthreads=\d needspinning=\d idlethreads=\d+ runqueue=\d+ \[ \d+ \d+ \] schedticks=\[ \d+ \d+ \] preempted=\[check \d+ signal \d+\] released=\d+ refused=\[native \d+ unknown \d+ runtime \d+ region \d+ stack \d+ masked \d+\] sysmon=\[rounds \d+ retakes \d+\]$"), line));
    }

    private static ChildResult Run(string scenario, params (string Name, string Value)[] environment) =>
        ChildProcess.Plain(Repo.TestApp("Scenarios"), [scenario], new ChildOptions { Environment = environment.ToDictionary(e => e.Name, e => (string?)e.Value) });
}
