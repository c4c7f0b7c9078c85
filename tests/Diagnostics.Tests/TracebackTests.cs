using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Diagnostics.Tests;

/// <summary>ILPREEMPT_TRACEBACK: what a process that ends by an error prints, beside what plain .NET prints.</summary>
public class TracebackTests
{
    private const string Start = "Unhandled exception. System.InvalidOperationException: thrown on purpose\n";

    [Theory]
    [InlineData("throw")]
    [InlineData("throw-on-main")]
    public void Traceback_NotAskedFor_OnlyDotnetsOwnMessage(string what)
    {
        ChildResult child = Run(what, "none");
        Assert.Equal(134, child.ExitCode);
        Assert.StartsWith(Start, child.StdErr, StringComparison.Ordinal);
        Assert.DoesNotContain("goroutine", child.StdErr, StringComparison.Ordinal);
    }

    [Fact]
    public void Traceback_Single_ShowsTheGoroutineThatThrewAndWhoStartedIt()
    {
        ChildResult child = Run("throw", "single");
        Assert.Equal(134, child.ExitCode);
        string[] lines = child.StdErr.Split('\n');
        Assert.Equal("goroutine 3 [running]:", lines[0]);
        Assert.Equal("Program.Throwing()", lines[1]);
        Assert.Matches(@"^\t/.*/Stalls/Program\.cs:\d+$", lines[2]);
        Assert.Contains("created by Program.Main(System.String[]) in goroutine 1", lines);
        Assert.Single(lines, l => l.StartsWith("goroutine ", StringComparison.Ordinal));
        Assert.Contains(Start, child.StdErr, StringComparison.Ordinal);
    }

    [Fact]
    public void Traceback_All_ShowsTheOthersToo()
    {
        ChildResult child = Run("throw-on-main", "all");
        Assert.Equal(134, child.ExitCode);
        string[] headers = [.. child.StdErr.Split('\n').Where(l => l.StartsWith("goroutine ", StringComparison.Ordinal))];
        Assert.Equal(["goroutine 1 [running]:", "goroutine 2 [sleep]:"], headers);
        Assert.Contains(Start, child.StdErr, StringComparison.Ordinal);
    }

    [Fact]
    public void Traceback_OfAFatalErrorOfTheScheduler_FollowsItsMessage()
    {
        ChildResult child = Run("threads", "single", "--maxthreads", "20");
        Assert.Equal(2, child.ExitCode);
        Assert.Matches(@"fatal error: thread exhaustion\ngoroutine \d+ \[running\]:\n", child.StdErr);
    }

    [Fact]
    public void Traceback_OfACaughtException_NothingIsPrinted()
    {
        ChildResult child = Run("caught", "all");
        Assert.Equal((0, "done\n", ""), (child.ExitCode, child.StdOut, child.StdErr));
    }

    private static ChildResult Run(string what, string mode, params string[] options) =>
        ChildProcess.Hosted(Repo.TestApp("Stalls"), [what], null, ["--traceback", mode, .. options]);
}
