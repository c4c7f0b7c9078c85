namespace ILPreempt.Runtime.Loading;

/// <summary>
/// Between the paths of woven assemblies and the originals'. Woven code that asks where an assembly lies must get the
/// original's path (MSBuild derives its SDK from it), and what it loads by an original's path must be the woven copy.
/// Made on first use: most programs never ask.
/// </summary>
internal static class PathMap
{
    private static readonly Lock s_lock = new();

    // Woven path -> original, for files that do not lie in the mirror at the place they have in the program's folder.
    private static Dictionary<string, string>? s_originals;

    // Original -> woven path in the mirror, for all that hostpolicy trusts.
    private static Dictionary<string, string>? s_trusted;

    // Simple names of what hostpolicy trusts.
    private static HashSet<string>? s_trustedNames;

    /// <summary>The path the program knows the file by.</summary>
    public static string ToOriginal(string path)
    {
        if (!Launch.IsHosted || path.Length == 0)
        {
            return path;
        }

        lock (s_lock)
        {
            if (Originals_NeedsLock().TryGetValue(path, out string? original))
            {
                return original;
            }
        }

        string mirror = Launch.MirrorFolder;
        return path.Length > mirror.Length && path[mirror.Length] == '/' && path.StartsWith(mirror, StringComparison.Ordinal)
            ? string.Concat(Launch.AppFolder.TrimEnd('/'), path.AsSpan(mirror.Length))
            : path;
    }

    /// <summary>Remembers that <paramref name="woven"/> stands for <paramref name="original"/>.</summary>
    public static void Add(string woven, string original)
    {
        lock (s_lock)
        {
            Originals_NeedsLock()[woven] = original;
        }
    }

    /// <summary>The trusted file that stands for an original, if there is one.</summary>
    public static string? Trusted(string original)
    {
        lock (s_lock)
        {
            ReadTrusted_NeedsLock();
            return s_trusted!.GetValueOrDefault(original);
        }
    }

    /// <summary>Whether the Default context finds an assembly of this simple name among the trusted ones, and so never takes another.</summary>
    public static bool IsTrustedName(string name)
    {
        lock (s_lock)
        {
            ReadTrusted_NeedsLock();
            return s_trustedNames!.Contains(name);
        }
    }

    private static Dictionary<string, string> Originals_NeedsLock()
    {
        if (s_originals is null)
        {
            s_originals = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (string line in Launch.MovedFiles)
            {
                int tab = line.IndexOf('\t');
                s_originals[line[..tab]] = line[(tab + 1)..];
            }
        }

        return s_originals;
    }

    private static void ReadTrusted_NeedsLock()
    {
        if (s_trusted is not null)
        {
            return;
        }

        s_trusted = new Dictionary<string, string>(StringComparer.Ordinal);
        s_trustedNames = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        string list = AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string ?? "";
        foreach (string file in list.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            s_trustedNames.Add(Path.GetFileNameWithoutExtension(file));
            if (file.StartsWith(Launch.MirrorFolder, StringComparison.Ordinal))
            {
                s_trusted[ToOriginal(file)] = file;
            }
        }
    }
}
