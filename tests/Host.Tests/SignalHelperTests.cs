using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>Where there was no C compiler the product is complete without its signal helper, and says so.</summary>
public sealed class SignalHelperTests
{
    [Fact]
    public void Run_WithoutTheHelper_SaysSoOnceAndRunsTheProgram()
    {
        using Sandbox sandbox = new();
        string host = Path.Combine(sandbox.Folder, "host");
        Directory.CreateDirectory(host);
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(Repo.IlPreempt)!))
        {
            File.Copy(file, Path.Combine(host, Path.GetFileName(file)));
        }

        string helper = Path.Combine(host, "libilpreempt.so");
        File.Delete(helper);
        string app = sandbox.Copy("Hello");
        ChildResult first = ChildProcess.Run(Path.Combine(host, "ilpreempt"), ["run", app], sandbox.Own());
        ChildResult second = ChildProcess.Run(Path.Combine(host, "ilpreempt"), ["run", app], sandbox.Own());
        Assert.Equal($"ilpreempt: there is no {helper}: goroutines are stopped at checks only (said once per program).\n", first.StdErr);
        Assert.Equal((0, ""), (second.ExitCode, second.StdErr));
        Assert.Equal(ChildProcess.Plain(app).StdOut, first.StdOut);
    }

    [Theory]
    [InlineData("--signal", "TERM", "URG, RTMIN+n (n from 2 to 29) or a number from 36 to 63")]
    [InlineData("--asyncpreempt", "maybe", "0 or 1")]
    [InlineData("--grace", "5us", "a duration from 10us to 1s, such as 200us")]
    public void Option_Unreadable_Exits64(string option, string value, string want)
    {
        ChildResult result = ChildProcess.Run(Repo.IlPreempt, ["run", option, value, Repo.TestApp("Hello")], Sandbox.Shared());
        Assert.Equal((64, ""), (result.ExitCode, result.StdOut));
        Assert.Equal($"ilpreempt: {option}: '{value}' is not {want}.\n", result.StdErr);
    }
}
