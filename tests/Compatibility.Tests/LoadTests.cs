using System.Globalization;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>Programs that block in thousands of places, and that leave nothing behind. How fast they are is for tests/Benchmarks.</summary>
public class LoadTests
{
    [Fact]
    public void BlockingOnTasks_InFiveHundredPoolItems_EndsInAFractionOfPlain()
    {
        // Plain dotnet takes minutes, until HttpClient's timeout of 100 s ends it with an exception.
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("Load"), ["soa", "500"], new ChildOptions { Timeout = TimeSpan.FromSeconds(90) });
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("answers 500", result.StdOut, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_TenThousandThatSleepAndSum_AllEnd()
    {
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("Load"), ["threads", "10000"]);
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("sum 499950000000", result.StdOut, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tasks")]
    [InlineData("channel")]
    [InlineData("parallel")]
    [InlineData("lock")]
    public void Throughput_OfAKind_IsMeasuredToTheEnd(string kind)
    {
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("Load"), [kind, "quick"]);
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.True(double.Parse(result.StdOut.Split('\n')[0], CultureInfo.InvariantCulture) > 0, result.ToString());
    }
}
