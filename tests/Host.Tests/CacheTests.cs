using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>Whatever happens to the cache folder, the program runs, or one line says what to do.</summary>
public sealed class CacheTests
{
    [Fact]
    public void Cache_NotWritable_Exits73()
    {
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("Hello"), [], Sandbox.Shared(v => v["ILPREEMPT_CACHE"] = "/proc/ilpreempt"));
        Assert.True(result is { ExitCode: 73, StdOut: "" } && result.StdErr.Contains("--cache", StringComparison.Ordinal), result.ToString());
    }

    [Theory]
    [InlineData("*.dll")]
    [InlineData("*.json")]
    [InlineData("entry")]
    [InlineData("*")]
    public void Cache_WithTruncatedFiles_IsMadeAgain(string pattern)
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("HostProbe");
        Runs(app, sandbox.Own());
        EnumerationOptions noLinks = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        string[] files = Directory.GetFiles(sandbox.Cache, pattern, noLinks);
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            using FileStream stream = new(file, FileMode.Open);
            stream.SetLength(stream.Length / 2);
        }

        Runs(app, sandbox.Own());
        Runs(app, sandbox.Own());
    }

    [Fact]
    public void Store_WithChangedBytesOfTheSameSize_IsMadeAgain()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("HostProbe");
        Runs(app, sandbox.Own());
        string woven = Assert.Single(Directory.GetFiles(Path.Combine(sandbox.Cache, "v1", "store"), "HostProbe.dll", SearchOption.AllDirectories));
        byte[] image = File.ReadAllBytes(woven);
        image.AsSpan(image.Length / 3).Clear();
        File.WriteAllBytes(woven, image);
        Runs(app, sandbox.Own());
    }

    [Fact]
    public void Host_KilledAtAnyTime_LeavesNothingThatHurts()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("NewtonsoftApp");
        for (int ms = 20; ms < 700; ms += 90)
        {
            // A deadline, not a synchronisation: wherever it falls, the next host must cope.
            ChildResult killed = ChildProcess.Run(
                "timeout", ["-s", "KILL", $"0.{ms:D3}", Repo.IlPreempt, "run", app], sandbox.Own());
            Assert.True(killed.ExitCode is 137 or 0, killed.ToString());
        }

        ChildResult plain = ChildProcess.Plain(app);
        ChildResult hosted = ChildProcess.Hosted(app, [], sandbox.Own());
        Assert.Equal(plain.StdOut, hosted.StdOut);
    }

    [Fact]
    public async Task Hosts_SeveralAtOnce_AllRun()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("NewtonsoftApp");
        ChildResult plain = ChildProcess.Plain(app);
        ChildResult[] hosted = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
                () => ChildProcess.Hosted(app, [], sandbox.Own()), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        Assert.All(hosted, one => Assert.Equal((plain.StdOut, 0), (one.StdOut, one.ExitCode)));
    }

    [Fact]
    public void Program_Rebuilt_RunsTheNewOne()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("Hello");
        Assert.Equal("Hello, World!\n", ChildProcess.Hosted(app, [], sandbox.Own()).StdOut);
        File.Delete(app);
        string other = sandbox.Copy("HostProbe", "other");
        File.Move(other, app);
        File.Delete(Path.ChangeExtension(app, ".deps.json"));
        Assert.Equal(7, ChildProcess.Hosted(app, ["exit", "7"], sandbox.Own()).ExitCode);
    }

    [Fact]
    public void Program_AlreadyWoven_RunsTheSame()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("HostProbe");
        Runs(app, sandbox.Own());
        string woven = Assert.Single(Directory.GetFiles(Path.Combine(sandbox.Cache, "v1", "store"), "HostProbe.dll", SearchOption.AllDirectories));
        File.Copy(woven, app, overwrite: true);
        Runs(app, sandbox.Own());
    }

    [Fact]
    public void Clear_OfTheCache_LeavesOtherFilesAlone()
    {
        using Sandbox sandbox = new();
        Runs(sandbox.Copy("HostProbe"), sandbox.Own());
        string other = sandbox.Write("cache/videos/mine.txt", "mine");
        ChildResult cleared = ChildProcess.Run(Repo.IlPreempt, ["cache", "clear"], sandbox.Own());
        Assert.Equal(0, cleared.ExitCode);
        Assert.True(File.Exists(other));
        Assert.False(Directory.Exists(Path.Combine(sandbox.Cache, "v1")));
        ChildResult info = ChildProcess.Run(Repo.IlPreempt, ["cache", "info"], sandbox.Own());
        Assert.Contains("assemblies  0", info.StdOut, StringComparison.Ordinal);
    }

    private static void Runs(string app, ChildOptions options)
    {
        ChildResult result = ChildProcess.Hosted(app, ["resources"], options);
        Assert.True(result is { ExitCode: 0, StdOut: "hello from inside\n", StdErr: "" }, result.ToString());
    }
}
