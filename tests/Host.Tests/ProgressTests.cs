using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>The line that a first run shows while it weaves: on a terminal, and nowhere else.</summary>
public sealed class ProgressTests
{
    // The compiler of the SDK: tens of megabytes, so weaving takes far more than the half second before the line appears.
    private static string Csc => Path.Combine(
        Directory.GetDirectories(Path.Combine(Path.GetDirectoryName(Repo.Dotnet)!, "sdk"), $"{Environment.Version.Major}.*").Order(StringComparer.Ordinal).Last(),
        "Roslyn", "bincore", "csc.dll");

    [FactIfOnPath("script")]
    public void FirstRun_OnATerminal_ShowsAndClearsItsLine()
    {
        using Sandbox sandbox = new();
        ChildOptions options = sandbox.Own();
        string command = $"'{Repo.IlPreempt}' run '{Csc}' -version";
        ChildResult result = ChildProcess.Run("script", ["-qec", command, "/dev/null"], options);
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("\u001b[Kilpreempt: first run, weaving ", result.StdOut, StringComparison.Ordinal);
        int cleared = result.StdOut.LastIndexOf("\u001b[K", StringComparison.Ordinal);
        Assert.DoesNotContain("ilpreempt", result.StdOut[cleared..], StringComparison.Ordinal);

        // Everything is in the cache now.
        result = ChildProcess.Run("script", ["-qec", command, "/dev/null"], options);
        Assert.True(result.ExitCode == 0 && !result.StdOut.Contains("ilpreempt", StringComparison.Ordinal), result.ToString());
    }

    [Fact]
    public void FirstRun_IntoAPipe_ShowsNothing()
    {
        using Sandbox sandbox = new();
        ChildResult result = ChildProcess.Hosted(Csc, ["-version"], sandbox.Own());
        Assert.True(result is { ExitCode: 0, StdErr: "" }, result.ToString());
    }
}
