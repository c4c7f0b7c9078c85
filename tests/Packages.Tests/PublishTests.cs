using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Packages.Tests;

/// <summary>Every form of publishing takes what is woven; NativeAOT, which has no CoreCLR, is refused.</summary>
[Collection(Feed.Collection)]
public sealed class PublishTests
{
    [Fact]
    public void Publish_FrameworkDependent_IsPreempted() => Published("App", "");

    [LongFact]
    public void Publish_WithoutABuild_TakesWhatIsWoven()
    {
        using Workspace workspace = new("App", "Library");
        Assert.Equal(0, workspace.Dotnet("build", "App", "-c", "Release").ExitCode);
        RunPublished(workspace, "App", "--no-build");
    }

    [LongTheory]
    [InlineData("App", "-r linux-x64 --self-contained")]
    [InlineData("App", "-r linux-x64 --no-self-contained -p:PublishSingleFile=true")]
    [InlineData("App", "-r linux-x64 --self-contained -p:PublishSingleFile=true")]
    [InlineData("App", "-r linux-x64 --no-self-contained -p:PublishReadyToRun=true")]
    [InlineData("App", "-r linux-x64 --self-contained -p:PublishTrimmed=true")]
    [InlineData("Whole", "")]
    [InlineData("Whole", "-r linux-x64 --no-self-contained -p:PublishReadyToRun=true")]
    [InlineData("Whole", "-r linux-x64 --self-contained -p:PublishTrimmed=true")]
    public void Publish_InThisForm_IsPreempted(string project, string how) => Published(project, how);

    [LongFact]
    public void Publish_ReadyToRun_HasNativeCodeForWovenAssemblies()
    {
        using Workspace workspace = new("Whole", "Raw");
        string folder = RunPublished(workspace, "Whole", "-r linux-x64 --no-self-contained -p:PublishReadyToRun=true");
        foreach (string name in (string[])["Whole", "Raw", "Newtonsoft.Json"])
        {
            using FileStream file = File.OpenRead($"{folder}/{name}.dll");
            using System.Reflection.PortableExecutable.PEReader pe = new(file);
            Assert.True(pe.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0, name);
        }
    }

    [LongFact]
    public void Publish_NativeAot_IsRefusedWithACode()
    {
        using Workspace workspace = new("Notes");
        ChildResult result = workspace.Dotnet("publish", "Notes", "-r", "linux-x64", "-p:PublishAot=true");
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("error ILP0101: ", Assert.Single(Workspace.Coded(result.StdOut)), StringComparison.Ordinal);
    }

    private static void Published(string project, string how)
    {
        using Workspace workspace = new(project, project == "App" ? "Library" : "Raw");
        RunPublished(workspace, project, how);
    }

    private static string RunPublished(Workspace workspace, string project, string how)
    {
        string folder = workspace.In("published");
        ChildResult published = workspace.Dotnet("publish", project, ["-c", "Release", "-o", folder, .. how.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.True(published.ExitCode == 0, published.ToString());
        ChildResult result = Workspace.RunFile($"{folder}/{project}");
        Assert.True(result is { ExitCode: 0, StdErr: "" }, result.ToString());
        Assert.Contains("Work.cs:line 18", result.StdOut, StringComparison.Ordinal);
        return folder;
    }
}
