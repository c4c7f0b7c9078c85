using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Cache;

/// <summary>
/// The folder of woven assemblies and mirrors. Everything in it can be deleted at any time by anyone and is made again; nothing
/// is ever changed in place: files and folders are completed under a name of their own in tmp/ and then renamed, so that two
/// hosts at once, or one killed half-way, leave nothing that looks finished and is not.
/// <code>
/// launch/KEY                    what the last start of a program found, with the times of all it depends on (LaunchRecord)
/// mirror/KEY/UNIQUE/LEAF/       a mirror: what `dotnet exec` is given
/// store/HASH-IDENTITY/          one woven assembly (ContentStore)
/// trusted/HASH                  one answer of hostpolicy (TrustedList)
/// late/HASH/LEAF/               one assembly that a guest loaded by itself, beside links to what .NET looks for next to it
/// tmp/                          unfinished work
/// </code>
/// </summary>
internal sealed class CacheFolder
{
    // Raised when the layout changes; old folders are then simply not looked at.
    private const string Layout = "v1";

    private CacheFolder(string root) => Root = root;

    /// <summary>The full path, without the layout's version.</summary>
    public string Root { get; }

    private string Base => Root + "/" + Layout;

    public string Store => Base + "/store";

    public string Mirrors => Base + "/mirror";

    public string Launches => Base + "/launch";

    public string LateLoaded => Base + "/late";

    public string Temporary => Base + "/tmp";

    /// <summary>ILPREEMPT_CACHE, else XDG_CACHE_HOME/ilpreempt, else ~/.cache/ilpreempt.</summary>
    public static CacheFolder Default()
    {
        string? told = Environment.GetEnvironmentVariable("ILPREEMPT_CACHE");
        if (told is { Length: > 0 })
        {
            return new CacheFolder(Path.GetFullPath(told));
        }

        string? home = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (home is not { Length: > 0 } || !Path.IsPathRooted(home))
        {
            home = Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } user ? user + "/.cache" : Path.GetTempPath() + Environment.UserName;
        }

        return new CacheFolder(home + "/ilpreempt");
    }

    /// <summary>The cache at a known place.</summary>
    public static CacheFolder At(string root) => new(root);

    /// <summary>The file that holds the answer of hostpolicy for <paramref name="key"/>.</summary>
    public string TrustedListFile(string key) => $"{Base}/trusted/{key}";

    /// <summary>Makes the folders; throws the one line that names the remedy when they cannot be written.</summary>
    public void Create()
    {
        try
        {
            foreach (string folder in (string[])[Store, Mirrors, Launches, Temporary, Base + "/trusted"])
            {
                Directory.CreateDirectory(folder);
            }

            // A folder on a read-only file system exists and still takes nothing.
            string probe = TemporaryName();
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.CannotCreate, $"{Root}: the cache folder cannot be written ({e.Message.TrimEnd('.')}); give another with --cache or ILPREEMPT_CACHE.");
        }
    }

    /// <summary>Deletes what a host made here, of this and of older layouts, and nothing else that may lie in the folder.</summary>
    public void Clear()
    {
        if (!Directory.Exists(Root))
        {
            return;
        }

        foreach (string folder in Directory.GetDirectories(Root))
        {
            string name = Path.GetFileName(folder);
            if (name is ['v', >= '0' and <= '9'] || name.StartsWith("shim-", StringComparison.Ordinal))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    /// <summary>A new name in tmp/ that nobody else uses.</summary>
    public string TemporaryName() => $"{Temporary}/{Environment.ProcessId}-{Guid.NewGuid():N}";

    /// <summary>Writes a whole file or nothing.</summary>
    public void WriteFile(string file, string text)
    {
        string unfinished = TemporaryName();
        File.WriteAllText(unfinished, text);
        File.Move(unfinished, file, overwrite: true);
    }
}
