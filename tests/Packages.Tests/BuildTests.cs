using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Packages.Tests;

/// <summary>What a build does again and what not, what it leaves behind, and what it says when it cannot weave.</summary>
[Collection(Feed.Collection)]
public sealed class BuildTests : IDisposable
{
    private Workspace? _workspace;

    public void Dispose() => _workspace?.Dispose();

    [Fact]
    public void Build_Repeated_WeavesOnlyWhatHasChanged()
    {
        Workspace workspace = Open("App", "Library");
        Assert.Equal(2, Workspace.Weaves(workspace.Build("App")));
        byte[] first = workspace.Built("App");
        Assert.Equal(0, Workspace.Weaves(workspace.Build("App")));

        string changed = workspace.Build("App", "-p:ILPreemptChecks=all");
        Assert.Equal(2, Workspace.Weaves(changed));
        Assert.DoesNotContain("csc.dll", changed, StringComparison.Ordinal);
        Assert.NotEqual(first, workspace.Built("App"));

        File.AppendAllText(workspace.In("App/Program.cs"), "// more\n");
        Assert.Equal(2, Workspace.Weaves(workspace.Build("App")));
        File.AppendAllText(workspace.In("App/Program.cs"), "// more\n");
        Assert.Equal(1, Workspace.Weaves(workspace.Build("App")));
        Assert.Equal(0, workspace.Run("App").ExitCode);
    }

    [Fact]
    public void Clean_AfterABuild_LeavesNothingOfTheWeaver()
    {
        Workspace workspace = Open("Whole", "Raw");
        workspace.Build("Whole");
        Assert.NotEmpty(Woven(workspace, "Whole"));
        Assert.Equal(0, workspace.Dotnet("clean", "Whole").ExitCode);
        Assert.Empty(Woven(workspace, "Whole"));
        Assert.False(File.Exists(workspace.Output("Whole") + "/Whole.dll"));
    }

    [Fact]
    public void Weaving_SwitchedOff_GivesTheCompilersOutput()
    {
        Workspace workspace = Open("Notes");
        workspace.Build("Notes");
        Assert.NotEqual(File.ReadAllBytes(workspace.In("Notes/obj/Debug/net10.0/Notes.dll")), workspace.Built("Notes"));
        Assert.Equal(0, Workspace.Weaves(workspace.Build("Notes", "-p:DisableILPreempt=true")));
        Assert.Equal(File.ReadAllBytes(workspace.In("Notes/obj/Debug/net10.0/Notes.dll")), workspace.Built("Notes"));
        Assert.Empty(Woven(workspace, "Notes"));

        // Nor does hot reload weave, which compares with what the compiler wrote, and it says so.
        string watched = workspace.Build("Notes", "-p:DotNetWatchBuild=true");
        Assert.Equal(0, Workspace.Weaves(watched));
        Assert.Contains("ILP0104", watched, StringComparison.Ordinal);
        Assert.Equal(0, Workspace.Weaves(workspace.Build("Notes", "-p:DesignTimeBuild=true")));
    }

    [Fact]
    public void Warning_AboutAMethod_HasItsPlaceAndObeysTheProject()
    {
        Workspace workspace = Open("Notes");
        string place = workspace.In("Notes/Program.cs(5,5)");
        string[] warned = Workspace.Coded(workspace.Build("Notes"));
        Assert.StartsWith($"{place}: warning ILP0021: ", Assert.Single(warned), StringComparison.Ordinal);
        Assert.Empty(Workspace.Coded(workspace.Build("Notes", "-p:NoWarn=ILP0021")));

        // An error is told again by the next build, which has still nothing woven to show.
        for (int i = 0; i < 2; i++)
        {
            Assert.StartsWith($"{place}: error ILP0021: ", workspace.BuildFails("Notes", "-p:TreatWarningsAsErrors=true")[0], StringComparison.Ordinal);
        }

        workspace.Build("Notes", "-p:TreatWarningsAsErrors=true", "-p:WarningsNotAsErrors=ILP0021");
    }

    [Fact]
    public void Setting_ThatCannotBeRead_FailsTheBuildAndLeavesTheOutput()
    {
        Workspace workspace = Open("Notes");
        workspace.Build("Notes");
        byte[] before = workspace.Built("Notes");
        foreach ((string property, string want) in ((string, string)[])[
            ("ILPreemptSlice=10", "ILPreemptSlice: '10' is not a duration"),
            ("ILPreemptMaxProcs=0", "ILPreemptMaxProcs: '0' is not a number"),
            ("ILPreemptChecks=loop", "ILPreemptChecks: 'loop' is not loops+cycles or all"),
            ("ILPreemptWeaveDependencies=1", "ILPreemptWeaveDependencies: '1' is not true or false"),
            ("DisableILPreempt=1", "DisableILPreempt: '1' is not true or false")])
        {
            string[] errors = workspace.BuildFails("Notes", "-p:" + property);
            Assert.Contains("error ILP0103: " + want, errors[0], StringComparison.Ordinal);
            Assert.Equal(before, workspace.Built("Notes"));
        }

        workspace.Build("Notes", "-p:ILPreemptSlice=20ms");
        Assert.Contains("\"ILPreempt.Slice\": \"20ms\"", File.ReadAllText(workspace.Output("Notes") + "/Notes.runtimeconfig.json"), StringComparison.Ordinal);
    }

    /// <summary>Something lies where the weaver wants to write. A test may run as root, whom no permission keeps from writing.</summary>
    [Fact]
    public void Folder_ThatCannotBeWritten_FailsTheBuildAndLeavesTheOutput()
    {
        Workspace workspace = Open("Notes");
        workspace.Build("Notes");
        byte[] before = workspace.Built("Notes");
        string folder = workspace.In("Notes/obj/Debug/net10.0/ilpreempt");
        string woven = folder + "/own/Notes.dll";
        File.Delete(woven);
        Directory.CreateDirectory(woven + "/in the way");
        AssertFails();
        Directory.Delete(folder + "/own", recursive: true);
        File.WriteAllText(folder + "/own", "in the way");
        AssertFails();
        File.Delete(folder + "/own.stamp");
        Directory.CreateDirectory(folder + "/own.stamp");
        File.Delete(folder + "/own");
        AssertFails();
        Directory.Delete(folder, recursive: true);
        workspace.Build("Notes", "-p:ILPreemptChecks=all");

        // The request itself is written by MSBuild, which has a code of its own for that.
        before = workspace.Built("Notes");
        File.Delete(folder + "/own.rsp");
        Directory.CreateDirectory(folder + "/own.rsp");
        Assert.Contains("error MSB3491: ", workspace.Dotnet("build", "Notes").StdOut, StringComparison.Ordinal);
        Assert.Equal(before, workspace.Built("Notes"));

        void AssertFails()
        {
            Assert.Contains(workspace.BuildFails("Notes", "-p:ILPreemptChecks=all"), line => line.Contains("error ILP0105: ", StringComparison.Ordinal));
            Assert.Equal(before, workspace.Built("Notes"));
        }
    }

    /// <summary>Another process has a file open for itself alone; the next build weaves.</summary>
    [Fact]
    public void Input_LockedByAnotherProcess_FailsTheBuildAndLeavesTheOutput()
    {
        Workspace workspace = Open("Notes");
        workspace.Build("Notes");
        byte[] before = workspace.Built("Notes");
        foreach (string name in (string[])["Notes.dll", "Notes.pdb"])
        {
            using FileStream held = new(workspace.In("Notes/obj/Debug/net10.0/" + name), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            string error = workspace.BuildFails("Notes", "-p:ILPreemptChecks=all")[0];
            Assert.Contains("error ILP0105: ", error, StringComparison.Ordinal);
            Assert.Contains($"/{name}: cannot be read: ", error, StringComparison.Ordinal);
            Assert.Equal(before, workspace.Built("Notes"));
        }

        Assert.Equal(1, Workspace.Weaves(workspace.Build("Notes", "-p:ILPreemptChecks=all")));
    }

    [Fact]
    public void Input_Damaged_FailsTheBuildAndLeavesTheOutput()
    {
        Workspace workspace = Open("Notes");
        workspace.Build("Notes");
        byte[] before = workspace.Built("Notes");
        string compiled = workspace.In("Notes/obj/Debug/net10.0/Notes.dll");
        foreach (byte[] damaged in (byte[][])[[], "no PE file"u8.ToArray(), File.ReadAllBytes(compiled)[..1500]])
        {
            File.WriteAllBytes(compiled, damaged);
            Assert.Contains("error ILP0105: ", workspace.BuildFails("Notes")[0], StringComparison.Ordinal);
            Assert.Equal(before, workspace.Built("Notes"));
        }
    }

    /// <summary>The request is written again when it does not say what the project says; by hand, it is refused.</summary>
    [Fact]
    public void Request_Damaged_IsWrittenAgain()
    {
        Workspace workspace = Open("Notes");
        workspace.Build("Notes");
        string request = workspace.In("Notes/obj/Debug/net10.0/ilpreempt/own.rsp");
        string text = File.ReadAllText(request);
        string tool = Regex.Match(text, "^tool=(.*)$", RegexOptions.Multiline).Groups[1].Value;
        foreach (string damaged in (string[])["\0\0\0", "weave=one file"])
        {
            File.WriteAllText(request, damaged);
            Assert.Contains(": error ILP0105: cannot be read: ", ChildProcess.Run(Repo.Dotnet, ["exec", tool, request]).StdOut, StringComparison.Ordinal);
            Assert.Equal(1, Workspace.Weaves(workspace.Build("Notes")));
            Assert.Equal(text, File.ReadAllText(request));
        }
    }

    [Fact]
    public void Weaver_ThatDies_FailsTheBuildAndLeavesTheOutput()
    {
        Workspace workspace = Open("Notes");
        workspace.Build("Notes");
        byte[] before = workspace.Built("Notes");
        string[] errors = workspace.BuildFails("Notes", "-p:ILPreemptChecks=all", "-p:_ILPreemptDotnet=/bin/false");
        Assert.Contains("error ILP0100: The weaver ended with exit code 1", Assert.Single(errors), StringComparison.Ordinal);
        Assert.Equal(before, workspace.Built("Notes"));
    }

    /// <summary>The project that the WPF compiler makes of another for the time of a build.</summary>
    [Fact]
    public void TemporaryWpfProject_IsLeftAlone()
    {
        Workspace workspace = Open("Notes");
        File.Move(workspace.In("Notes/Notes.csproj"), workspace.In("Notes/Notes_a1b2c3_wpftmp.csproj"));
        Assert.Equal(0, Workspace.Weaves(workspace.Build("Notes")));
        Assert.False(Directory.Exists(workspace.In("Notes/obj/Debug/net10.0/ilpreempt")));
    }

    /// <summary>What an editor asks for in the background, and what other projects are compiled against.</summary>
    [Fact]
    public void DesignTimeBuildAndReferenceAssembly_AreLeftAlone()
    {
        Workspace workspace = Open("Library");
        string asked = workspace.Build("Library", "-t:Compile", "-p:DesignTimeBuild=true", "-p:SkipCompilerExecution=true", "-p:ProvideCommandLineArgs=true");
        Assert.Equal(0, Workspace.Weaves(asked));
        Assert.False(Directory.Exists(workspace.In("Library/obj/Debug/net10.0/ilpreempt")));

        Assert.Equal(1, Workspace.Weaves(workspace.Build("Library")));
        Assert.Contains("ILPreempt.Runtime", References(workspace.Output("Library") + "/Library.dll"));
        Assert.DoesNotContain("ILPreempt.Runtime", References(workspace.In("Library/obj/Debug/net10.0/ref/Library.dll")));
        Assert.Equal(0, Workspace.Weaves(workspace.Build("Library", "-p:ProduceOnlyReferenceAssembly=true")));
    }

    [LongFact]
    public void Dependency_ThatIsNoAssembly_IsUsedAsItIs()
    {
        Workspace workspace = Open("Whole", "Raw");
        File.WriteAllText(workspace.In("Whole/Damaged.dll"), "no PE file");
        Insert(workspace.In("Whole/Whole.csproj"), "<None Include=\"Damaged.dll\" /><ReferenceCopyLocalPaths Include=\"Damaged.dll\" />");
        string line = Assert.Single(Workspace.Coded(workspace.Build("Whole")));
        Assert.Contains("warning ILP0107: ", line, StringComparison.Ordinal);
        Assert.Equal("no PE file", File.ReadAllText(workspace.Output("Whole") + "/Damaged.dll"));
        Assert.Equal(0, workspace.Run("Whole").ExitCode);
    }

    [Fact]
    public void Runtime_Excluded_FailsTheBuild()
    {
        Workspace workspace = Open("Notes");
        string project = workspace.In("Notes/Notes.csproj");
        File.WriteAllText(project, File.ReadAllText(project).Replace("\"ILPreempt.Build\"", "\"ILPreempt.Build\" IncludeAssets=\"build\"", StringComparison.Ordinal));
        Assert.Contains("error ILP0102: ", workspace.BuildFails("Notes")[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Build_OfTheSameSourcesElsewhere_IsIdentical() => AssertSameElsewhere("portable");

    [LongFact]
    public void Build_WithEmbeddedSymbolsElsewhere_IsIdentical() => AssertSameElsewhere("embedded");

    private void AssertSameElsewhere(string symbols)
    {
        string[] first = Hashes(Open("Library"), symbols);
        _workspace!.Dispose();
        Assert.Equal(first, Hashes(Open("Library"), symbols));
    }

    [Fact]
    public void Codes_OfTheBuild_AreInTheDocs()
    {
        string sources = File.ReadAllText(Path.Combine(Repo.Root, "Weaver/Build/BuildCodes.cs")) + File.ReadAllText(Path.Combine(Repo.Root, "Weaver/Build/build/ILPreempt.Build.targets"));
        string docs = File.ReadAllText(Path.Combine(Repo.Root, "docs/packages.md"));
        Assert.All(Regex.Matches(sources, "ILP0\\d{3}").Select(match => match.Value), code => Assert.Contains($"| {code} |", docs, StringComparison.Ordinal));
    }

    private static string[] Hashes(Workspace workspace, string symbols)
    {
        workspace.Build("Library", "-p:ContinuousIntegrationBuild=true", "-p:PathMap=" + workspace.Folder + "=/_", "-p:DebugType=" + symbols);
        return [.. Directory.GetFiles(workspace.Output("Library"), "Library.*").Where(file => file.EndsWith(".dll", StringComparison.Ordinal) || file.EndsWith(".pdb", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).Select(file => Path.GetFileName(file) + " " + Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file))))];
    }

    private static string[] References(string file)
    {
        using PEReader pe = new(File.OpenRead(file));
        MetadataReader reader = pe.GetMetadataReader();
        return [.. reader.AssemblyReferences.Select(handle => reader.GetString(reader.GetAssemblyReference(handle).Name))];
    }

    private static string[] Woven(Workspace workspace, string project) =>
        Directory.Exists(workspace.In(project + "/obj/Debug/net10.0/ilpreempt")) ? Directory.GetFiles(workspace.In(project + "/obj/Debug/net10.0/ilpreempt"), "*", SearchOption.AllDirectories) : [];

    private static void Insert(string project, string items) =>
        File.WriteAllText(project, File.ReadAllText(project).Replace("</Project>", $"<ItemGroup>{items}</ItemGroup></Project>", StringComparison.Ordinal));

    private Workspace Open(params string[] projects) => _workspace = new Workspace(projects);
}
