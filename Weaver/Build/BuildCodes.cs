namespace ILPreempt.Build;

/// <summary>
/// The codes of the build that are not the weaver's own (those are in the weaver's NoteCodes). The targets file has the ones that need no
/// weaver: ILP0101, ILP0102, ILP0104. All are in docs/packages.md.
/// </summary>
internal static class BuildCodes
{
    /// <summary>A bug: the weaver itself failed.</summary>
    public const string WeaverFailed = "ILP0100";

    /// <summary>A run-time setting in the project that cannot be read.</summary>
    public const string BadSetting = "ILP0103";

    /// <summary>A file that cannot be read or written.</summary>
    public const string FileTrouble = "ILP0105";

    /// <summary>A dependency that is used as it is.</summary>
    public const string DependencyLeftAlone = "ILP0107";
}
