using System.Diagnostics;
using System.Globalization;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using ILPreempt.Stress.Cil;
using ILPreempt.TestUtils;

namespace ILPreempt.Stress;

/// <summary>
/// Hosts killed while they fill the cache, one or two at once. After each kill a normal run must do what plain dotnet does, and what lies
/// in the cache must be whole: every entry has the size and hash that it names, every assembly reads, no link points nowhere.
/// </summary>
internal static class CacheFuzzer
{
    /// <summary>Kills hosts until the time is up, at least a few; returns how many rounds, throws with the seed and what was wrong.</summary>
    public static int Run(ulong seed, TimeSpan time, int atLeast)
    {
        Rng rng = new(seed);
        string folder = Directory.CreateTempSubdirectory("ilpreempt-stress-").FullName;
        string cache = folder + "/cache";
        string app = Repo.TestApp("NewtonsoftApp");
        ChildOptions options = new() { Environment = new Dictionary<string, string?> { ["ILPREEMPT_CACHE"] = cache }, Timeout = TimeSpan.FromMinutes(5) };
        int round = 0;
        string step = "before the first kill";
        try
        {
            string expected = ChildProcess.Plain(app).StdOut;

            // As long as a first run takes here and now: a kill falls anywhere in it.
            int longest = (int)Expect(app, options, expected).TotalMilliseconds;
            for (Stopwatch clock = Stopwatch.StartNew(); round < atLeast || clock.Elapsed < time; round++)
            {
                if (rng.Chance(60))
                {
                    Directory.Delete(cache, recursive: true);
                }
                else if (rng.Chance(50))
                {
                    Directory.Delete(cache + "/v1/launch", recursive: true);
                }

                int[] moments = [.. Enumerable.Range(0, rng.Between(1, 2)).Select(_ => rng.Below(longest))];
                step = $"round {round}, killed after {string.Join(" and ", moments)} ms of {longest}";
                Task.WaitAll([.. moments.Select(ms => Task.Run(() => StartAndKill(app, cache, ms)))]);
                Verify(cache);
                Expect(app, options, expected);
                Verify(cache);
            }

            step = "the sweep";
            Sweep(app, cache, options, expected);
            return round;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidOperationException($"cache seed {seed}, {step}: {e.Message}\n    replay: dotnet run -c Release --project tests/Stress -- cache --seed {seed}", e);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static TimeSpan Expect(string app, ChildOptions options, string expected)
    {
        ChildResult result = ChildProcess.Hosted(app, [], options);
        return result.ExitCode == 0 && result.StdOut == expected && result.StdErr.Length == 0
            ? result.Elapsed
            : throw new InvalidDataException("a normal run gave " + result);
    }

    private static void StartAndKill(string app, string cache, int ms)
    {
        ProcessStartInfo info = new(Repo.IlPreempt, ["run", app]) { RedirectStandardOutput = true, RedirectStandardError = true };
        info.Environment["ILPREEMPT_CACHE"] = cache;
        using Process host = Process.Start(info)!;

        // Not a synchronisation: wherever it falls, the next host must cope.
        host.WaitForExit(ms);
        host.Kill(entireProcessTree: true);
        host.WaitForExit();
    }

    /// <summary>Reads everything that claims to be finished.</summary>
    private static void Verify(string cache)
    {
        foreach (string entry in Folders(cache + "/v1/store"))
        {
            string[] lines = File.ReadAllLines(entry + "/entry");
            if (lines is ["woven", var name, var size, var hash, ..])
            {
                byte[] image = File.ReadAllBytes($"{entry}/{name}");
                if (image.Length.ToString(CultureInfo.InvariantCulture) != size || Convert.ToHexStringLower(SHA256.HashData(image)) != hash)
                {
                    throw new InvalidDataException($"{entry}/{name}: {image.Length} bytes, not what its entry says");
                }

                using PEReader pe = new(new MemoryStream(image));
                if (!pe.HasMetadata)
                {
                    throw new InvalidDataException($"{entry}/{name}: no metadata");
                }
            }
            else if (lines is not ["left", ..])
            {
                throw new InvalidDataException($"{entry}: an entry of {lines.Length} lines");
            }
        }

        foreach (string mirror in Folders(cache + "/v1/mirror"))
        {
            foreach (string file in Directory.EnumerateFiles(mirror, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
            {
                if (File.ResolveLinkTarget(file, returnFinalTarget: true) is { Exists: false } lost)
                {
                    throw new InvalidDataException($"{file}: points to {lost.FullName}, which is not there");
                }
            }
        }
    }

    // What killed hosts left behind goes with the next mirror once it is old.
    private static void Sweep(string app, string cache, ChildOptions options, string expected)
    {
        Directory.CreateDirectory(cache + "/v1/tmp/1-unfinished");
        foreach (FileSystemInfo left in new DirectoryInfo(cache + "/v1/tmp").EnumerateFileSystemInfos())
        {
            left.LastWriteTimeUtc = DateTime.UtcNow.AddHours(-2);
        }

        Directory.Delete(cache + "/v1/launch", recursive: true);
        Expect(app, options, expected);
        if (Directory.EnumerateFileSystemEntries(cache + "/v1/tmp").FirstOrDefault() is { } survivor)
        {
            throw new InvalidDataException($"{survivor} is two hours old and still there");
        }
    }

    private static string[] Folders(string path) => Directory.Exists(path) ? Directory.GetDirectories(path) : [];
}
