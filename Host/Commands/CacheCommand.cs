using System.CommandLine;
using System.Globalization;
using ILPreempt.Host.Cache;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt cache info|clear</c>.</summary>
internal static class CacheCommand
{
    public static Command Create()
    {
        Command info = new("info", "Says where the cache is and how much it holds.");
        info.SetAction(parsed => Info(parsed.InvocationConfiguration.Output));
        Command clear = new("clear", "Deletes it. Programs that are running keep running; what they load later may be unwoven.");
        clear.SetAction(parsed => Clear(parsed.InvocationConfiguration.Output));
        return new Command("cache", "The folder of woven assemblies.") { info, clear };
    }

    private static int Info(TextWriter output)
    {
        CacheFolder cache = CacheFolder.Default();
        output.WriteLine($"folder      {cache.Root}");
        output.WriteLine($"assemblies  {Count(cache.Store)}");
        output.WriteLine($"programs    {Count(cache.Mirrors)}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"size        {Size(cache.Root) / 1048576.0:F1} MB"));
        return 0;
    }

    private static int Clear(TextWriter output)
    {
        CacheFolder cache = CacheFolder.Default();
        try
        {
            cache.Clear();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.CannotCreate, $"{cache.Root}: cannot be cleared: {e.Message}");
        }

        output.WriteLine($"cleared {cache.Root}");
        return 0;
    }

    private static int Count(string folder) => Directory.Exists(folder) ? Directory.GetDirectories(folder).Length : 0;

    // Links are not followed, and a hard link in a mirror is the store's file again.
    private static long Size(string root)
    {
        if (!Directory.Exists(root))
        {
            return 0;
        }

        EnumerationOptions own = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        return new DirectoryInfo(root).EnumerateFiles("*", own)
            .Where(file => !file.FullName.Contains("/mirror/", StringComparison.Ordinal) || file.Extension == ".json")
            .Sum(file => file.Length);
    }
}
