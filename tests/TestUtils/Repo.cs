namespace ILPreempt.TestUtils;

/// <summary>Where the built command, the sample programs and the repository's folders are.</summary>
public static class Repo
{
    /// <summary>The repository's root: the first folder above the running test that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The configuration the running test was built in, <c>Debug</c> or <c>Release</c>.</summary>
    public static string Configuration { get; } =
        AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    /// <summary>The built command, in the configuration of the running test.</summary>
    public static string IlPreempt => Existing(Path.Combine(Root, "Host", "bin", Configuration, "net10.0", "ilpreempt"));

    /// <summary>The muxer that runs this test.</summary>
    public static string Dotnet { get; } = FindDotnet();

    /// <summary>The built assembly of the sample program TestApps/<paramref name="name"/>.</summary>
    public static string TestApp(string name) => Built(Path.Combine("TestApps", name), name);

    /// <summary>The built assembly of a project in a folder of the repository.</summary>
    public static string Built(string folder, string assembly) =>
        Existing(Path.Combine(Root, folder, "bin", Configuration, "net10.0", assembly + ".dll"));

    private static string Existing(string path) => File.Exists(path)
        ? path
        : throw new FileNotFoundException($"{path} is not built; the test project needs a ProjectReference to it with ReferenceOutputAssembly=\"false\".");

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "ILPreempt.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No ILPreempt.sln above {AppContext.BaseDirectory}.");
    }

    private static string FindDotnet()
    {
        string? fromSdk = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH");
        if (fromSdk is not null && File.Exists(fromSdk))
        {
            return fromSdk;
        }

        // The shared framework's folder is <root>/shared/Microsoft.NETCore.App/<version>.
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        return Existing(Path.GetFullPath(Path.Combine(framework, "..", "..", "..", "dotnet")));
    }
}
