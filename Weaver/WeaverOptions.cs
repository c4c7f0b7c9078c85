namespace ILPreempt.Weaver;

/// <summary>Where stackguard checks go.</summary>
public enum CheckPlacement
{
    /// <summary>Loop heads, and enough prologues that every call cycle passes one. The default.</summary>
    LoopsAndCycles,

    /// <summary>Loop heads and every prologue except those of tiny loop-free leaves, as Go's compiler does.</summary>
    All,
}

/// <summary>What a caller may choose about weaving. Immutable; two equal values give byte-identical output.</summary>
public sealed record WeaverOptions
{
    private static readonly string s_version =
        typeof(WeaverOptions).Assembly.ManifestModule.ModuleVersionId.ToString("N")[..12];

    /// <summary>Where checks go.</summary>
    public CheckPlacement Checks { get; init; } = CheckPlacement.LoopsAndCycles;

    /// <summary>Whether counted loops without calls may test their own counter before they read the poll word.</summary>
    public bool StripMine { get; init; } = true;

    /// <summary>Whether calls that load assemblies or ask where one lies are redirected to the runtime.</summary>
    public bool Redirect { get; init; } = true;

    /// <summary>
    /// Stable text of everything that changes the output: part of a cache key. The weaver's own identity in it is
    /// its module version id, so that a rebuilt weaver never reads what an older one wrote.
    /// </summary>
    public string Identity =>
        $"{WeaverVersion}-{s_version};checks={(Checks == CheckPlacement.All ? "all" : "loops+cycles")};strip={(StripMine ? 1 : 0)};redirect={(Redirect ? 1 : 0)}";

    /// <summary>Version of this weaver, as in the marker of a woven assembly.</summary>
    public static string WeaverVersion { get; } = typeof(WeaverOptions).Assembly.GetName().Version?.ToString(3) ?? "0";
}
