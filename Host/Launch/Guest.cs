namespace ILPreempt.Host.Launch;

/// <summary>The files that make up a program for the muxer. Full paths.</summary>
/// <param name="App">The program's dll.</param>
/// <param name="RuntimeConfig">Its runtimeconfig.json.</param>
/// <param name="DepsFile">Its deps.json; it need not exist.</param>
internal sealed record Guest(string App, string RuntimeConfig, string DepsFile)
{
    /// <summary>What hostpolicy takes for the program's root.</summary>
    public string Folder => Path.GetDirectoryName(DepsFile)!;

    /// <summary>Read beside the runtimeconfig: where a build looked for packages.</summary>
    public string RuntimeConfigDev => Path.ChangeExtension(RuntimeConfig, ".dev.json");

    /// <summary>Whether hostpolicy finds a deps.json, or trusts whatever lies in the folder.</summary>
    public bool HasDepsFile => File.Exists(DepsFile);

    /// <summary>The program with the files that lie beside it, unless others are named as for <c>dotnet exec</c>.</summary>
    public static Guest Of(string app, string? runtimeConfig = null, string? depsFile = null) => new(
        app,
        runtimeConfig ?? Path.ChangeExtension(app, ".runtimeconfig.json"),
        depsFile ?? Path.ChangeExtension(app, ".deps.json"));
}
