using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>Runaway recursion, which kills a plain program, reaches the program's own catch.</summary>
public class RecursionTests
{
    [Fact]
    public void Recursion_Runaway_IsCaughtByTheProgram()
    {
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("Recursion"), [], new ChildOptions { Timeout = TimeSpan.FromSeconds(120) });
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal(
            """
            simple caught, deeper than 1000: True
            mutual caught, deeper than 1000: True
            virtual caught, deeper than 1000: True
            lambda caught, deeper than 1000: True
            finally caught, deeper than 1000: True
            again caught, deeper than 1000: True

            """.ReplaceLineEndings("\n"),
            result.StdOut);
    }

    [Fact]
    public void Recursion_Uncaught_EndsTheProgramWithATrace()
    {
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("Recursion"), ["uncaught"], new ChildOptions { Timeout = TimeSpan.FromSeconds(120) });
        Assert.Equal(134, result.ExitCode);
        Assert.Contains("Unhandled exception. System.InsufficientExecutionStackException", result.StdErr, StringComparison.Ordinal);
        Assert.Contains("at Program.Simple(Int32 n)", result.StdErr, StringComparison.Ordinal);
    }
}
