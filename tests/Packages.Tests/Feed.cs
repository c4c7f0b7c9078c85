using ILPreempt.TestUtils;
using Xunit;

[assembly: CollectionBehavior(MaxParallelThreads = 1)]

namespace ILPreempt.Packages.Tests;

/// <summary>
/// The packages, made once per run from what was built with the tests, in a feed of their own and with a version that no other run has.
/// What is restored from it goes to a package folder that is deleted afterwards; everything else comes from the machine's own.
/// </summary>
internal static class Feed
{
    private static readonly Lazy<string> s_root = new(Pack);

    /// <summary>The collection that all tests are in which use it.</summary>
    public const string Collection = "packages";

    /// <summary>Holds the feed, the restored packages and the solutions that tests build.</summary>
    public static string Root => s_root.Value;

    /// <summary>The version of all packages in it.</summary>
    public static string Version { get; } = $"0.1.0-test.{DateTime.UtcNow:yyyyMMddHHmmss}.{System.Environment.ProcessId}";

    /// <summary>The environment of builds that use the feed.</summary>
    public static Dictionary<string, string?> Environment(string root) => new()
    {
        ["NUGET_PACKAGES"] = root + "/packages",
        ["NUGET_FALLBACK_PACKAGES"] = System.Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile), ".nuget", "packages"),
        ["TESTED_VERSION"] = Version,
        ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        ["DOTNET_NOLOGO"] = "1",
        ["MSBUILDDISABLENODEREUSE"] = "1",
        ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
        ["UseSharedCompilation"] = "false",
    };

    /// <summary>Deletes all of it.</summary>
    public static void Delete()
    {
        if (s_root.IsValueCreated)
        {
            Directory.Delete(Root, recursive: true);
        }
    }

    private static string Pack()
    {
        string root = Directory.CreateTempSubdirectory("ilpreempt-packages-").FullName;
        foreach (string project in (string[])["Runtime", "Diagnostics", "Weaver/Build", "Host"])
        {
            ChildResult packed = ChildProcess.Run(
                Repo.Dotnet,
                ["pack", Path.Combine(Repo.Root, project), "-c", Repo.Configuration, "--no-build", "-o", root + "/feed", "-p:PackageVersion=" + Version, "-v", "q"],
                new ChildOptions { Environment = new Dictionary<string, string?> { ["MSBUILDDISABLENODEREUSE"] = "1" } });
            Assert.True(packed.ExitCode == 0, packed.ToString());
        }

        return root;
    }
}

/// <summary>Deletes the feed after the last test; at the end of the process a test host has no time left for that.</summary>
[CollectionDefinition(Feed.Collection)]
public sealed class FeedLife : ICollectionFixture<FeedLife>, IDisposable
{
    public void Dispose() => Feed.Delete();
}
