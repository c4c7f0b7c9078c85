using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Packages.Tests;

/// <summary>The command, installed from its package by somebody whose home folder is empty.</summary>
[Collection(Feed.Collection)]
public sealed class ToolTests : IDisposable
{
    private readonly Workspace _workspace = new("Raw");
    private readonly string _home;

    public ToolTests() => _home = Directory.CreateDirectory(_workspace.In("home")).FullName;

    public void Dispose() => _workspace.Dispose();

    [Fact]
    public void Tool_InstalledRunAndUninstalled_LeavesOnlyTheCache()
    {
        Succeeds(Repo.Dotnet, "tool", "install", "--global", "ILPreempt", "--version", Feed.Version, "--add-source", Feed.Root + "/feed");
        string tool = _home + "/.dotnet/tools/ilpreempt";
        string program = Program();
        Assert.Equal("goroutine 1\n", Succeeds(tool, "run", program).StdOut);
        Assert.Contains("programs    1", Succeeds(tool, "cache", "info").StdOut, StringComparison.Ordinal);

        // A program that waits for the end of its input is looked at meanwhile.
        string dumped = "";
        string listed = "";
        ChildProcess.Run(tool, ["run", program, "wait"], Options() with
        {
            OnOutputLine = (child, line) =>
            {
                string pid = line.Split(' ')[^1];
                dumped = ChildProcess.Run(tool, ["dump", pid], Options()).StdOut;
                listed = ChildProcess.Run(tool, ["ps"], Options()).StdOut;
                listed = listed.Contains(pid, StringComparison.Ordinal) ? pid : listed;
                child.Signal(9);
            },
        });
        Assert.Contains("goroutine 1 [", dumped, StringComparison.Ordinal);
        Assert.True(int.TryParse(listed, out _), listed);

        Succeeds(Repo.Dotnet, "tool", "uninstall", "--global", "ILPreempt");
        Assert.False(File.Exists(tool));
        Assert.DoesNotContain(Directory.GetDirectories(_home + "/.dotnet/tools/.store"), folder => Path.GetFileName(folder).Contains("ilpreempt", StringComparison.OrdinalIgnoreCase));
        Assert.True(Directory.Exists(_home + "/.cache/ilpreempt"));
    }

    [Fact]
    public void Tool_ClearingItsCache_LeavesNoneOfIt()
    {
        Succeeds(Repo.Dotnet, "tool", "install", "--tool-path", _workspace.In("tools"), "ILPreempt", "--version", Feed.Version, "--add-source", Feed.Root + "/feed");
        string tool = _workspace.In("tools/ilpreempt");
        Succeeds(tool, "run", Program());
        Succeeds(tool, "cache", "clear");
        Assert.Contains("assemblies  0", Succeeds(tool, "cache", "info").StdOut, StringComparison.Ordinal);
    }

    // Compiled by nothing but a build without the package.
    private string Program()
    {
        File.WriteAllText(_workspace.In("Raw/Raw.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
              </PropertyGroup>
            </Project>
            """);
        File.WriteAllText(_workspace.In("Raw/Program.cs"), """
            System.Type type = System.Type.GetType("ILPreempt.Runtime.Goroutine, ILPreempt.Runtime");
            System.Console.WriteLine(args.Length == 0 ? $"goroutine {type?.GetProperty("CurrentId")?.GetValue(null)}" : $"pid {System.Environment.ProcessId}");
            if (args.Length > 0)
            {
                System.Threading.Thread.Sleep(60_000);
            }
            """);
        _workspace.Build("Raw");
        return _workspace.Output("Raw") + "/Raw.dll";
    }

    private ChildOptions Options()
    {
        Dictionary<string, string?> environment = Feed.Environment(Feed.Root);
        environment["HOME"] = _home;
        environment["DOTNET_CLI_HOME"] = _home;
        environment["XDG_CACHE_HOME"] = null;
        environment["ILPREEMPT_CACHE"] = null;
        environment["DOTNET_ROOT"] = Path.GetDirectoryName(Repo.Dotnet);
        return new ChildOptions { Environment = environment, WorkingDirectory = _workspace.Folder };
    }

    private ChildResult Succeeds(string file, params string[] arguments)
    {
        ChildResult result = ChildProcess.Run(file, arguments, Options());
        Assert.True(result.ExitCode == 0, result.ToString());
        return result;
    }
}
