using System.Security.Cryptography;
using ILPreempt.Host.Cache;
using ILPreempt.Host.Launch;
using ILPreempt.Runtime.Loading;
using ILPreempt.Weaver;
using ILPreempt.Weaver.Resolving;

namespace ILPreempt.Host.Late;

/// <summary>
/// Weaves, inside the guest's process, what the guest loads by itself. A woven file is put into a folder of its own beside links to the
/// original's native libraries and culture folders, because .NET looks for both next to the assembly.
/// </summary>
internal sealed class LateWeaver : ILateWeaver
{
    private readonly CacheFolder _cache;
    private readonly ContentStore _store;
    private readonly WeaverOptions _options = WeaveRun.Options(Runtime.Loading.Launch.Checks);
    private readonly List<string> _trusted;

    public LateWeaver()
    {
        _cache = CacheFolder.At(Runtime.Loading.Launch.CacheFolder);
        _store = new ContentStore(_cache, _options.Identity);
        _trusted = [.. (AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)];
    }

    /// <inheritdoc/>
    public string? WeaveFile(string path)
    {
        try
        {
            StoredAssembly stored = _store.Get(path, Path.GetFileName(path), output => Weave(path, output));
            HostLog.Write($"{path}: loaded late, {(stored.Assembly is null ? stored.Note : "woven")}");
            return stored.Assembly is null ? null : Settle(path, stored);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            HostLog.Write($"{path}: loaded late and left as it is: {e.Message}");
            return null;
        }
    }

    /// <inheritdoc/>
    public (byte[] Image, byte[]? Symbols)? WeaveImage(byte[] image, byte[]? symbols)
    {
        try
        {
            // Symbols are part of what goes in, so they are part of the name.
            string hash = Convert.ToHexStringLower(SHA256.HashData(symbols is null ? image : [.. image, .. symbols]));
            StoredAssembly stored = _store.GetByHash(hash, "image.dll", output =>
            {
                using ReferenceSet references = new(_trusted);
                WovenImage woven = new AssemblyWeaver(_options, references).WeaveImage(image, symbols, "image loaded from memory");
                if (woven.Report.Outcome != WeaveOutcome.Woven)
                {
                    return woven.Report.Code ?? "left alone";
                }

                File.WriteAllBytes(output, woven.Image);
                if (woven.Symbols is not null)
                {
                    File.WriteAllBytes(Path.ChangeExtension(output, ".pdb"), woven.Symbols);
                }

                return null;
            });
            HostLog.Write($"an image of {image.Length} bytes: loaded late, {(stored.Assembly is null ? stored.Note : "woven")}");
            return stored.Assembly is null
                ? null
                : (File.ReadAllBytes(stored.Assembly), stored.Symbols is null ? null : File.ReadAllBytes(stored.Symbols));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            HostLog.Write($"an image of {image.Length} bytes: loaded late and left as it is: {e.Message}");
            return null;
        }
    }

    private string? Weave(string path, string output)
    {
        // Its neighbours are what it was most likely built against.
        IEnumerable<string> neighbours = Directory.EnumerateFiles(Path.GetDirectoryName(path)!, "*.dll");
        using ReferenceSet references = new([.. _trusted, .. neighbours]);
        WeaveReport report = new AssemblyWeaver(_options, references).WeaveFile(path, output);
        return report.Outcome == WeaveOutcome.Woven ? null : report.Code ?? "left alone";
    }

    private string Settle(string path, StoredAssembly stored)
    {
        string original = Path.GetDirectoryName(path)!;
        string leaf = Path.GetFileName(original) is { Length: > 0 } name ? name : "root";
        string place = $"{_cache.LateLoaded}/{LaunchRecord.ShortHash(path + "\n" + Path.GetDirectoryName(stored.Assembly))}";
        string file = $"{place}/{leaf}/{Path.GetFileName(path)}";
        if (File.Exists(file) && new FileInfo(file).Length == new FileInfo(stored.Assembly!).Length)
        {
            return file;
        }

        string unfinished = _cache.TemporaryName();
        string folder = $"{unfinished}/{leaf}";
        Directory.CreateDirectory(folder);
        Directory.CreateDirectory(_cache.LateLoaded);
        foreach (string entry in Directory.EnumerateFileSystemEntries(original))
        {
            if (Directory.Exists(entry) || entry.EndsWith(".so", StringComparison.Ordinal) || entry.Contains(".so.", StringComparison.Ordinal))
            {
                File.CreateSymbolicLink($"{folder}/{Path.GetFileName(entry)}", entry);
            }
        }

        Native.LinkOrCopy(stored.Assembly!, $"{folder}/{Path.GetFileName(path)}");
        if (stored.Symbols is not null)
        {
            Native.LinkOrCopy(stored.Symbols, $"{folder}/{Path.GetFileName(stored.Symbols)}");
        }

        try
        {
            Directory.Move(unfinished, place);
        }
        catch (IOException) when (File.Exists(file))
        {
            // Another thread or process has just made the same.
            Directory.Delete(unfinished, recursive: true);
        }

        return file;
    }
}
