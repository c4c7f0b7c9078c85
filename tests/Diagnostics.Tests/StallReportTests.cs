using System.Diagnostics;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Diagnostics.Tests;

/// <summary>What a user reads of stalls on standard error, on TestApps/Stalls.</summary>
public class StallReportTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(100);

    [Fact]
    public void Stall_InAClassConstructor_OneLineNamesTheCode()
    {
        string line = FirstStall("constructor", "--stall", "100ms");
        Assert.Matches(@"^ilpreempt: stall: goroutine \d+ ran \d+ ms past its slice and could not be stopped: Program\+Slow\.Compute\(Int64\) \(Program\.cs:\d+\)", line);
    }

    [Fact]
    public void Stall_OfWhoWaitsForAPreemptedOwner_NamesLockOwnerAndBothStacks()
    {
        string line = FirstStall("lock", "--stall", "100ms");
        Assert.Matches(@"goroutine \d+ has waited \d+ ms for System\.Object 0x[0-9a-f]+, held by goroutine \d+, which was preempted: ", line);
        Assert.Matches(@"Program\.Entering\(\) \(Program\.cs:\d+\).*; held in Program\.Counting\(\)", line);
    }

    /// <summary>Those before the host is composed are lines of their own; somebody else waits for the lock each second.</summary>
    [Fact]
    public void Stall_WithTheHostComposed_ComesThroughItsLog() =>
        FirstLine("ilpreempt: SchedulerService: stall: goroutine ", "locks", "--verbose", "--stall", "100ms");

    [Fact]
    public void Stall_NotAskedFor_NothingIsPrinted()
    {
        ChildResult child = ChildProcess.Hosted(Repo.TestApp("Stalls"), ["constructor"], null, ["--maxprocs", "1"]);
        Assert.Equal((0, "1\ndone\n", ""), (child.ExitCode, child.StdOut, child.StdErr));
    }

    [Theory]
    [InlineData("1ms")]
    [InlineData("soon")]
    public void Stall_AMistake_IsOneLineThatNamesIt(string value)
    {
        ChildResult child = ChildProcess.Hosted(Repo.TestApp("Stalls"), ["caught"], null, ["--stall", value]);
        Assert.Equal(64, child.ExitCode);
        Assert.Contains("--stall", Assert.Single(child.StdErr.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    private static string FirstStall(string what, params string[] options) => FirstLine("stall: goroutine", what, options);

    // The program goes on until it reads a line: a report may come late on a busy machine.
    private static string FirstLine(string with, string what, params string[] options)
    {
        using Process process = Process.Start(new ProcessStartInfo(Repo.IlPreempt, ["run", "--maxprocs", "1", .. options, Repo.TestApp("Stalls"), what])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using CancellationTokenSource limit = new(s_limit);
        using CancellationTokenRegistration kill = limit.Token.Register(() => process.Kill());
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string all = "";
        while (process.StandardError.ReadLine() is string line)
        {
            all += line + "\n";
            if (line.Contains(with, StringComparison.Ordinal))
            {
                process.StandardInput.WriteLine();
                process.StandardError.ReadToEnd();
                process.WaitForExit();
                Assert.Equal(0, process.ExitCode);
                Assert.EndsWith("done\n", output.Result, StringComparison.Ordinal);
                return line;
            }
        }

        Assert.Fail($"no stall was reported:\n{all}{output.Result}");
        return "";
    }
}
