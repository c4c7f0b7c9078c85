using System.Globalization;
using System.Security.Cryptography;

namespace ILPreempt.Host.Cache;

/// <summary>One stored result of weaving.</summary>
/// <param name="Assembly">The woven file, or null when the assembly was left alone.</param>
/// <param name="Symbols">Its pdb, if it has one.</param>
/// <param name="Note">The code and reason when it was left alone.</param>
internal sealed record StoredAssembly(string? Assembly, string? Symbols, string Note);

/// <summary>
/// Woven assemblies by the hash of their input and the weaver's identity, shared by all programs and also used from inside
/// guests for assemblies they load late. An entry is a folder that appears complete by one rename. Its <c>entry</c> file holds
/// the size and hash of the output: an entry that does not match (a disk that was full, a hand that edited) is made again
/// under a rename of the old one, never repaired in place, since a running program may have it mapped.
/// </summary>
internal sealed class ContentStore(CacheFolder cache, string identity)
{
    /// <summary>
    /// Returns the entry for an input, weaving if there is none. <paramref name="weave"/> gets the output file to write and
    /// returns null, or the reason why it left the assembly alone. Safe with any number of processes and threads.
    /// </summary>
    public StoredAssembly Get(string input, string fileName, Func<string, string?> weave)
    {
        string hash = HashOfFile(input);
        return GetByHash(hash, fileName, output =>
        {
            string? leftAlone = weave(output);
            return HashOfFile(input) == hash ? leftAlone : throw new IOException($"{input}: changed while it was being read.");
        });
    }

    /// <summary>The same with the input's hash at hand.</summary>
    public StoredAssembly GetByHash(string inputHash, string fileName, Func<string, string?> weave)
    {
        // The file's name counts: it is inside the woven image, as the pdb's name.
        string folder = $"{cache.Store}/{inputHash}-{LaunchRecord.ShortHash(identity + "/" + fileName)}";
        StoredAssembly? known = TryOpen(folder, fileName);
        if (known is not null)
        {
            return known;
        }

        string unfinished = cache.TemporaryName();
        Directory.CreateDirectory(unfinished);
        try
        {
            string output = Path.Combine(unfinished, fileName);
            string? leftAlone = weave(output);
            string summary = leftAlone is null
                ? string.Create(CultureInfo.InvariantCulture, $"woven\n{fileName}\n{new FileInfo(output).Length}\n{HashOfFile(output)}\n")
                : $"left\n{fileName}\n{leftAlone.ReplaceLineEndings(" ")}\n-\n";
            File.WriteAllText(Path.Combine(unfinished, "entry"), summary);
            return Publish(unfinished, folder, fileName);
        }
        finally
        {
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }
        }
    }

    /// <summary>The SHA-256 of a file, in lower-case hex.</summary>
    public static string HashOfFile(string file)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private StoredAssembly Publish(string unfinished, string folder, string fileName)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                Directory.Move(unfinished, folder);
            }
            catch (IOException) when (attempt < 10 && Directory.Exists(folder))
            {
                // Either somebody was faster, and theirs is as good, or the old entry is damaged and has to go first.
                if (TryOpen(folder, fileName) is { } theirs)
                {
                    return theirs;
                }

                string old = cache.TemporaryName();
                try
                {
                    Directory.Move(folder, old);
                    Directory.Delete(old, recursive: true);
                }
                catch (IOException)
                {
                    // Somebody else is doing just that.
                }

                continue;
            }

            return TryOpen(folder, fileName) ?? throw new IOException($"{folder}: changed while it was being written.");
        }
    }

    private static StoredAssembly? TryOpen(string folder, string fileName)
    {
        try
        {
            string[] lines = File.ReadAllLines(folder + "/entry");
            if (lines.Length < 4 || lines[0] is not ("woven" or "left"))
            {
                return null;
            }

            if (lines[0] == "left")
            {
                return new StoredAssembly(null, null, lines[2]);
            }

            string assembly = $"{folder}/{fileName}";
            if (new FileInfo(assembly).Length.ToString(CultureInfo.InvariantCulture) != lines[2]
                || HashOfFile(assembly) != lines[3])
            {
                return null;
            }

            // Named after the assembly, which need not be the file's name.
            string[] symbols = Directory.GetFiles(folder, "*.pdb");
            return new StoredAssembly(assembly, symbols.Length == 1 ? symbols[0] : null, "");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
