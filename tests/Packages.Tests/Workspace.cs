using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Packages.Tests;

/// <summary>A copy of Solution/, or of some of its projects, in a folder of its own, and the commands that one gives there.</summary>
internal sealed class Workspace : IDisposable
{
    private readonly string _root = Feed.Root;
    private readonly HashSet<string> _restored = [];

    /// <summary>Copies the projects, all if none are named, and what they share.</summary>
    public Workspace(params string[] projects)
    {
        Folder = Directory.CreateDirectory($"{_root}/{Guid.NewGuid():N}/solution").FullName;
        string source = Path.Combine(Repo.Root, "tests", "Packages.Tests", "Solution");
        foreach (string file in Directory.GetFiles(source, "*", SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(source, file);
            if (!relative.Contains('/', StringComparison.Ordinal) || projects.Length == 0 || projects.Contains(relative.Split('/')[0]))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(In(relative))!);
                File.Copy(file, In(relative));
            }
        }

        File.WriteAllText(In("nuget.config"), $"""<configuration><packageSources><add key="tested" value="{_root}/feed" /></packageSources></configuration>""");
    }

    public string Folder { get; }

    public string In(string relative) => Path.Combine(Folder, relative);

    /// <summary>The folder that a Debug build of a project puts its output into.</summary>
    public string Output(string project) => In($"{project}/bin/Debug/net10.0");

    public byte[] Built(string project) => File.ReadAllBytes($"{Output(project)}/{project}.dll");

    /// <summary>Runs <c>dotnet</c> there with one build process. Only the first build of a project restores.</summary>
    public ChildResult Dotnet(string command, string project, params string[] arguments)
    {
        string[] noRestore = command == "build" && !_restored.Add(project) ? ["--no-restore"] : [];
        return ChildProcess.Run(
            Repo.Dotnet,
            [command, project, "-m:1", "-tl:off", .. noRestore, .. arguments],
            new ChildOptions { WorkingDirectory = Folder, Environment = Feed.Environment(_root), Timeout = TimeSpan.FromMinutes(10) });
    }

    /// <summary>Builds, which has to succeed; returns what was written at normal verbosity.</summary>
    public string Build(string project, params string[] arguments)
    {
        ChildResult result = Dotnet("build", project, ["-v:n", .. arguments]);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.StdOut;
    }

    /// <summary>Builds, which has to fail; returns the lines with a code of ILPreempt's, each once.</summary>
    public string[] BuildFails(string project, params string[] arguments)
    {
        ChildResult result = Dotnet("build", project, ["-v:q", .. arguments]);
        Assert.True(result.ExitCode != 0, result.ToString());
        return Coded(result.StdOut);
    }

    /// <summary>The lines of a build's output that hold a code of ILPreempt's, each once, without the project's name at the end.</summary>
    public static string[] Coded(string output) =>
        [.. output.Split('\n').Where(line => line.Contains(": error ILP", StringComparison.Ordinal) || line.Contains(": warning ILP", StringComparison.Ordinal))
            .Select(line => Regex.Replace(line.Trim(), @" \[[^\]]*\]$", "")).Distinct()];

    /// <summary>How many times the weaver was started, from the output of a build.</summary>
    public static int Weaves(string output) => Regex.Count(output, "exec \"[^\"]*/ILPreempt.Build.dll\"");

    /// <summary>Runs a built program with checks only, so that nothing but weaving explains a preemption.</summary>
    public ChildResult Run(string project, params string[] variables) => RunFile($"{Output(project)}/{project}.dll", variables);

    /// <summary>The same for any program: a .dll by <c>dotnet</c>, else the file itself.</summary>
    public static ChildResult RunFile(string file, params string[] variables)
    {
        Dictionary<string, string?> environment = new() { ["ILPREEMPT_ASYNCPREEMPT"] = "0" };
        foreach (string variable in variables)
        {
            environment[variable.Split('=')[0]] = variable.Split('=')[1];
        }

        ChildOptions options = new() { Environment = environment, Timeout = TimeSpan.FromSeconds(60) };
        return file.EndsWith(".dll", StringComparison.Ordinal) ? ChildProcess.Plain(file, [], options) : ChildProcess.Run(file, [], options);
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(Folder)!, recursive: true);
}
