using ILPreempt.TestUtils;

namespace ILPreempt.Compatibility;

/// <summary>The programs of the SDK that runs these tests: real, big, ReadyToRun-compiled, and on every machine that can build.</summary>
public static class Sdk
{
    /// <summary>The newest SDK folder of the running muxer whose major version is the running runtime's.</summary>
    public static string Folder { get; } = Newest(Path.Combine(Path.GetDirectoryName(Repo.Dotnet)!, "sdk"));

    public static string Csc => Path.Combine(Folder, "Roslyn", "bincore", "csc.dll");

    public static string MSBuild => Path.Combine(Folder, "MSBuild.dll");

    public static string VsTest => Path.Combine(Folder, "vstest.console.dll");

    public static string Fsc => Path.Combine(Folder, "FSharp", "fsc.dll");

    public static string Fsi => Path.Combine(Folder, "FSharp", "fsi.dll");

    public static string FSharpCore => Path.Combine(Folder, "FSharp", "FSharp.Core.dll");

    public static IEnumerable<string> Analyzers =>
        Directory.GetFiles(Path.Combine(Folder, "Sdks", "Microsoft.NET.Sdk", "analyzers"), "Microsoft.CodeAnalysis*NetAnalyzers.dll")
            .Where(f => !f.Contains("VisualBasic", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    /// <summary>The reference assemblies of the framework.</summary>
    public static IEnumerable<string> References
    {
        get
        {
            string pack = Newest(Path.Combine(Path.GetDirectoryName(Repo.Dotnet)!, "packs", "Microsoft.NETCore.App.Ref"));
            return Directory.GetFiles(Path.Combine(pack, "ref", $"net{System.Environment.Version.Major}.0"), "*.dll").Order(StringComparer.Ordinal);
        }
    }

    /// <summary>What its tools need in order to find the rest of it when they are not started by <c>dotnet</c> itself.</summary>
    public static IReadOnlyDictionary<string, string?> Environment { get; } = new Dictionary<string, string?>
    {
        ["MSBuildSDKsPath"] = Path.Combine(Folder, "Sdks"),
        ["MSBuildExtensionsPath"] = Folder + Path.DirectorySeparatorChar,
        ["DOTNET_HOST_PATH"] = Repo.Dotnet,
        ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        ["DOTNET_NOLOGO"] = "1",
    };

    private static string Newest(string folder) => Directory.GetDirectories(folder, $"{System.Environment.Version.Major}.*")
        .OrderBy(d => Version.Parse(Path.GetFileName(d).Split('-')[0]))
        .Last();
}

/// <summary>
/// A temporary folder that is gone after the run. With a name its path is the same each time in this process.
/// </summary>
public sealed class TempFolder : IDisposable
{
    public TempFolder(string name = "")
    {
        Path = name.Length == 0
            ? Directory.CreateTempSubdirectory("ilpreempt-compat-").FullName
            : Directory.CreateDirectory(System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"ilpreempt-compat-{Environment.ProcessId}-{name}")).FullName;
    }

    public string Path { get; }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    public string Write(string name, string text)
    {
        string file = In(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return file;
    }

    public string In(string name) => System.IO.Path.Combine(Path, name);
}
