using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using ILPreempt.TestUtils;
using Xunit;

// Every test is a handful of busy child processes; side by side they would only make each other's deadlines meaningless.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace ILPreempt.Compatibility.Tests;

internal static class FreshCache
{
    /// <summary>
    /// A cache of its own for each build of the weaver: a developer's weaver changes without its version changing,
    /// and must not be judged by what yesterday's produced.
    /// </summary>
    [ModuleInitializer]
    internal static void Use()
    {
        string weaver = Path.Combine(Path.GetDirectoryName(Repo.IlPreempt)!, "ILPreempt.Weaver.dll");
        string hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(weaver)))[..16];
        Environment.SetEnvironmentVariable("ILPREEMPT_CACHE", Path.Combine(AppContext.BaseDirectory, "cache-" + hash));
    }
}
