using ILPreempt.Host.Cache;

namespace ILPreempt.Host.Launch;

/// <summary>
/// Removes mirrors that nobody can use any more. A running guest loads assemblies from its mirror for as long as it lives, so
/// one that a process names on its command line stays, as does one that is young: somebody may just be building it.
/// </summary>
internal static class MirrorSweeper
{
    private static readonly TimeSpan s_young = TimeSpan.FromHours(1);

    /// <summary>Sweeps the mirrors of one program and old unfinished work.</summary>
    public static void Sweep(CacheFolder cache, string program, string current)
    {
        try
        {
            string keep = Path.GetDirectoryName(current)!;
            string[] old =
            [
                .. Directory.EnumerateDirectories($"{cache.Mirrors}/{program}").Where(folder => folder != keep && IsOld(folder)),
                .. Directory.EnumerateFileSystemEntries(cache.Temporary).Where(IsOld),
            ];
            if (old.Length == 0)
            {
                return;
            }

            string running = CommandLines();
            foreach (string path in old)
            {
                if (File.Exists(path))
                {
                    File.Delete(path);
                }
                else if (!running.Contains(path, StringComparison.Ordinal))
                {
                    Directory.Delete(path, recursive: true);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another host sweeps too, or the rest belongs to somebody else: the next sweep gets it.
        }
    }

    private static bool IsOld(string path) => DateTime.UtcNow - Directory.GetLastWriteTimeUtc(path) > s_young;

    private static string CommandLines()
    {
        List<string> lines = [];
        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            try
            {
                if (char.IsAsciiDigit(Path.GetFileName(process)[0]))
                {
                    lines.Add(File.ReadAllText(process + "/cmdline"));
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended, or is not ours to read.
            }
        }

        return string.Join('\n', lines);
    }
}
