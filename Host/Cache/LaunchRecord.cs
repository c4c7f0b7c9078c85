using System.Globalization;
using System.Text;

namespace ILPreempt.Host.Cache;

/// <summary>
/// What a start of a program came to, kept with the size and time of every file it depends on, so that the next start is a few
/// dozen stat calls and an exec. Folders are watched by their own time, which changes when a file is added or removed; the
/// content of files that are only linked to is nobody's business here.
/// </summary>
internal sealed class LaunchRecord
{
    private const string Magic = "ilpreempt launch 1";
    private const string End = "end";

    /// <summary>The arguments for the muxer up to and including the program's dll.</summary>
    public required IReadOnlyList<string> ExecArguments { get; init; }

    /// <summary>The mirror's folder.</summary>
    public required string Mirror { get; init; }

    /// <summary>The program switched startup hooks off, so those that the user's environment names must not run either.</summary>
    public required bool HooksOff { get; init; }

    /// <summary>The file of a key; the key's text is inside the file, so a collision of this short hash is only a miss.</summary>
    public static string FileOf(CacheFolder cache, string key) => $"{cache.Launches}/{ShortHash(key)}";

    /// <summary>Two runs of FNV-1a: enough for a file name, and without the 10 ms that loading a cryptographic library costs.</summary>
    public static string ShortHash(string text)
    {
        ulong forward = 14695981039346656037;
        ulong backward = 14695981039346656037;
        for (int i = 0; i < text.Length; i++)
        {
            forward = (forward ^ text[i]) * 1099511628211;
            backward = (backward ^ text[text.Length - 1 - i]) * 1099511628211;
        }

        return forward.ToString("x16", CultureInfo.InvariantCulture) + backward.ToString("x16", CultureInfo.InvariantCulture)[..8];
    }

    /// <summary>Reads the record of a key; null if there is none, it is damaged, or anything it watches has changed.</summary>
    public static LaunchRecord? TryRead(CacheFolder cache, string key, bool verbose)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(FileOf(cache, key));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        if (lines.Length < 6 || lines[0] != Magic || lines[1] != Escape(key) || lines[^1] != End || !int.TryParse(lines[4], out int count) || lines.Length < 6 + count)
        {
            return null;
        }

        for (int i = 5 + count; i < lines.Length - 1; i++)
        {
            string line = lines[i];
            int tab = line.LastIndexOf('\t');
            if (tab < 0 || !line.AsSpan(0, tab).SequenceEqual(Fingerprint(line[(tab + 1)..])))
            {
                if (verbose)
                {
                    Console.Error.WriteLine($"ilpreempt: changed since the last start: {line[(tab + 1)..]}");
                }

                return null;
            }
        }

        return new LaunchRecord { Mirror = lines[2], HooksOff = lines[3] == "hooks-off", ExecArguments = new ArraySegment<string>(lines, 5, count) };
    }

    /// <summary>Keeps the record. Call with fingerprints taken before the files were read, so that a change meanwhile is seen next time.</summary>
    public void Write(CacheFolder cache, string key, IEnumerable<KeyValuePair<string, string>> watched)
    {
        StringBuilder text = new();
        text.Append(Magic).Append('\n').Append(Escape(key)).Append('\n').Append(Mirror).Append('\n');
        text.Append(HooksOff ? "hooks-off" : "hooks-on").Append('\n').Append(ExecArguments.Count).Append('\n');
        foreach (string argument in ExecArguments)
        {
            text.Append(argument).Append('\n');
        }

        foreach ((string path, string fingerprint) in watched)
        {
            text.Append(fingerprint).Append('\t').Append(path).Append('\n');
        }

        cache.WriteFile(FileOf(cache, key), text.Append(End).Append('\n').ToString());
    }

    /// <summary>Size and time of a file, time of a folder, or a dash for what does not exist.</summary>
    public static string Fingerprint(string path)
    {
        FileInfo info = new(path);
        if (!info.Exists)
        {
            return Directory.Exists(path) ? info.LastWriteTimeUtc.Ticks.ToString(CultureInfo.InvariantCulture) : "-";
        }

        return string.Create(CultureInfo.InvariantCulture, $"{info.Length}:{info.LastWriteTimeUtc.Ticks}");
    }

    private static string Escape(string key) => key.Replace('\n', ' ').Replace('\0', ' ');
}
