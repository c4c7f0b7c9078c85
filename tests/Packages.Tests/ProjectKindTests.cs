using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Packages.Tests;

/// <summary>The whole solution, built once by one <c>dotnet build</c>.</summary>
public sealed class BuiltSolution : IDisposable
{
    public BuiltSolution()
    {
        string[] projects = [.. Directory.GetFiles(Workspace.Folder, "*.*proj", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        string list = string.Concat(projects.Select(project => $"<Project Path=\"{Path.GetRelativePath(Workspace.Folder, project)}\" />"));
        File.WriteAllText(Workspace.In("All.slnx"), $"<Solution>{list}</Solution>");
        Output = Workspace.Build("All.slnx");
    }

    internal Workspace Workspace { get; } = new();

    internal string Output { get; }

    public void Dispose() => Workspace.Dispose();
}

/// <summary>
/// One project of each kind with nothing but a reference to the package. Each program starts a goroutine that loops and sleeps for a
/// moment: on one processor, with checks only, it goes on only if the loop is preempted. A timeout is the failure.
/// </summary>
[Collection(Feed.Collection)]
public sealed class ProjectKindTests(BuiltSolution solution) : IClassFixture<BuiltSolution>
{
    private readonly Workspace _workspace = solution.Workspace;

    [Fact]
    public void Solution_Built_HasNoOtherWarnings() =>
        Assert.Equal(["ILP0021"], Workspace.Coded(solution.Output).Select(line => line.Split("warning ")[1].Split(':')[0]));

    [Fact]
    public void Console_WithALibrary_IsPreemptedAndKeepsItsLines()
    {
        string[] lines = Lines("App");
        Assert.Equal("goroutine 1", lines[0]);
        Assert.EndsWith("Library/Work.cs:line 18", lines[1], StringComparison.Ordinal);
        Assert.Equal("procs 1, woven library True", lines[2]);
    }

    [Fact]
    public void FSharp_Program_IsPreemptedAndKeepsItsLines()
    {
        string[] lines = Lines("FSharp");
        Assert.Equal("goroutine 1", lines[0]);
        Assert.EndsWith("Program.fs:line 12", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void VisualBasic_Program_IsPreemptedAndKeepsItsLines()
    {
        string[] lines = Lines("Vb");
        Assert.Equal("goroutine 1", lines[0]);
        Assert.EndsWith("Program.vb:line 12", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void AspNetCore_WithMoreHogsThanWorkers_Answers() => Assert.Equal(["spun"], Lines("Web"));

    [Fact]
    public void MultiTarget_Project_IsWovenForNetOnly()
    {
        Assert.Equal(["goroutine 1"], Lines("Multi"));
        Assert.True(File.Exists(_workspace.In("Multi/obj/Debug/net10.0/ilpreempt/own/Multi.dll")));
        Assert.False(Directory.Exists(_workspace.In("Multi/obj/Debug/netstandard2.0/ilpreempt")));
    }

    [Fact]
    public void Library_InAnUnwovenApp_StartsNoScheduler() => Assert.Equal(["goroutine 0, monitors 0"], Lines("Unwoven"));

    [Fact]
    public void Dependencies_WithTheProperty_AreWovenToo()
    {
        string[] lines = Lines("Whole");
        Assert.Equal(["Work True", "JsonConvert True", "1"], lines[..3]);
        Assert.EndsWith("Raw/Work.cs:line 18", lines[3], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Unit")]
    [InlineData("UnitV3")]
    public void XunitProject_UnderDotnetTest_IsPreempted(string project)
    {
        ChildResult result = _workspace.Dotnet("test", project, "--no-build");
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("Passed:     2", result.StdOut, StringComparison.Ordinal);
    }

    /// <summary>An xunit v3 assembly is a program, and runs its tests without any test host.</summary>
    [Fact]
    public void XunitV3Project_AsAProgram_IsPreempted()
    {
        ChildResult result = _workspace.Run("UnitV3");
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("Total: 2, Errors: 0, Failed: 0", result.StdOut, StringComparison.Ordinal);
    }

    [Fact]
    public void Environment_OverridesTheProject()
    {
        ChildResult result = _workspace.Run("App", "ILPREEMPT_MAXPROCS=3");
        Assert.Contains("procs 3", result.StdOut, StringComparison.Ordinal);
    }

    [Fact]
    public void WovenProgram_UnderTheHost_BehavesTheSame()
    {
        ChildResult plain = _workspace.Run("App");
        ChildResult hosted = ChildProcess.Hosted(_workspace.Output("App") + "/App.dll", [], new ChildOptions
        {
            Environment = new Dictionary<string, string?> { ["ILPREEMPT_CACHE"] = _workspace.In("cache"), ["ILPREEMPT_ASYNCPREEMPT"] = "0" },
        });
        Assert.Equal(plain.ToString(), hosted.ToString());
    }

    private string[] Lines(string project)
    {
        ChildResult result = _workspace.Run(project);
        Assert.True(result is { ExitCode: 0, StdErr: "" }, result.ToString());
        return result.StdOut.TrimEnd('\n').Split('\n');
    }
}
