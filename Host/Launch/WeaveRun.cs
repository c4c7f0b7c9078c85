using ILPreempt.Host.Cache;

namespace ILPreempt.Host.Launch;

/// <summary>Weaves a program's assemblies; nothing, until the weaver is in the tree.</summary>
internal static class WeaveRun
{
    /// <summary>Returns the stored result for each input.</summary>
    public static List<KeyValuePair<string, StoredAssembly>> All(
        IReadOnlyList<string> inputs, string entry, IReadOnlyList<string> references, CacheFolder cache, LaunchRequest request)
    {
        _ = (inputs, entry, references, cache, request);
        return [];
    }
}
