using ILPreempt.TestUtils;

namespace ILPreempt.Compatibility.Tests;

/// <summary>The programs of the SDK that runs these tests: real, big, ReadyToRun-compiled, and on every machine that can build.</summary>
internal static class Sdk
{
    /// <summary>The newest SDK folder of the running muxer whose major version is the running runtime's.</summary>
    internal static string Folder { get; } = Newest(Path.Combine(Path.GetDirectoryName(Repo.Dotnet)!, "sdk"));

    internal static string Csc => Path.Combine(Folder, "Roslyn", "bincore", "csc.dll");

    internal static string MSBuild => Path.Combine(Folder, "MSBuild.dll");

    internal static string VsTest => Path.Combine(Folder, "vstest.console.dll");

    internal static string Fsc => Path.Combine(Folder, "FSharp", "fsc.dll");

    internal static string Fsi => Path.Combine(Folder, "FSharp", "fsi.dll");

    internal static string FSharpCore => Path.Combine(Folder, "FSharp", "FSharp.Core.dll");

    internal static IEnumerable<string> Analyzers =>
        Directory.GetFiles(Path.Combine(Folder, "Sdks", "Microsoft.NET.Sdk", "analyzers"), "Microsoft.CodeAnalysis*NetAnalyzers.dll")
            .Where(f => !f.Contains("VisualBasic", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    /// <summary>The reference assemblies of the framework.</summary>
    internal static IEnumerable<string> References
    {
        get
        {
            string pack = Newest(Path.Combine(Path.GetDirectoryName(Repo.Dotnet)!, "packs", "Microsoft.NETCore.App.Ref"));
            return Directory.GetFiles(Path.Combine(pack, "ref", $"net{Environment.Version.Major}.0"), "*.dll").Order(StringComparer.Ordinal);
        }
    }

    private static string Newest(string folder) => Directory.GetDirectories(folder, $"{Environment.Version.Major}.*")
        .OrderBy(d => Version.Parse(Path.GetFileName(d).Split('-')[0]))
        .Last();
}

/// <summary>A temporary folder that is gone after the test.</summary>
internal sealed class TempFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("ilpreempt-compat-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);

    internal string Write(string name, string text)
    {
        string file = System.IO.Path.Combine(Path, name);
        File.WriteAllText(file, text);
        return file;
    }

    internal string In(string name) => System.IO.Path.Combine(Path, name);
}
