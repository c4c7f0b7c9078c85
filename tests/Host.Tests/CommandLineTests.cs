using ILPreempt.Host.Cache;
using ILPreempt.Host.Commands;
using ILPreempt.Host.Launch;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>How command lines are cut and read.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("run App.dll --slice 1ms", 2)]
    [InlineData("run --slice 1ms App.dll --slice 5ms", 4)]
    [InlineData("run --slice=1ms App.dll", 3)]
    [InlineData("run --verbose App.dll -- x", 3)]
    [InlineData("run -- --odd.dll --x", 3)]
    [InlineData("cache clear --x", 3)]
    [InlineData("muxer exec App.dll", 1)]
    [InlineData("trace 4711 -o t.json", 4)]
    public void Split_OfArguments_CutsBehindTheTarget(string line, int own)
    {
        string[] args = line.Split(' ');
        (string[] Own, string[] Guest) split = GuestArguments.Split(args);
        Assert.Equal(args[..own], split.Own);
        Assert.Equal(args[own..], split.Guest);
    }

    [Fact]
    public void Split_OfTrace_DropsTheDashes()
    {
        (string[] Own, string[] Guest) split = GuestArguments.Split(["trace", "-o", "t.json", "--", "--slice", "1ms", "App.dll", "--", "x"]);
        Assert.Equal(["trace", "-o", "t.json"], split.Own);
        Assert.Equal(["--slice", "1ms", "App.dll", "--", "x"], split.Guest);
    }

    [Fact]
    public void Muxer_WithHostOptions_ReadsThem()
    {
        string app = Repo.TestApp("Hello");
        LaunchRequest? request = MuxerCommand.Read(["exec", "--runtimeconfig", "/a/b.json", "--depsfile", "/c/d.json", app, "--port", "1"]);
        Assert.NotNull(request);
        Assert.Equal(("/a/b.json", "/c/d.json", app), (request.RuntimeConfig, request.DepsFile, request.Target));
        Assert.Equal(["--port", "1"], request.GuestArguments);
    }

    [Theory]
    [InlineData("build -c Release")]
    [InlineData("--version")]
    [InlineData("exec --fx-version 10.0.0 App.dll")]
    [InlineData("/nowhere/App.dll")]
    public void Muxer_WithAnythingElse_IsLeftToTheRealOne(string line) => Assert.Null(MuxerCommand.Read(line.Split(' ')));

    [Fact]
    public void ShortHash_OfSimilarTexts_Differs()
    {
        HashSet<string> hashes = [.. Enumerable.Range(0, 10_000).Select(n => LaunchRecord.ShortHash($"/a/program/number/{n}"))];
        Assert.Equal(10_000, hashes.Count);
    }
}
