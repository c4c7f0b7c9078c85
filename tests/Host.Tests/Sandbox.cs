using ILPreempt.TestUtils;
using Xunit;

[assembly: CollectionBehavior(MaxParallelThreads = 2)]

namespace ILPreempt.Host.Tests;

/// <summary>A folder of its own for one test, with copies of sample programs and, if wanted, a cache; deleted afterwards.</summary>
internal sealed class Sandbox : IDisposable
{
    /// <summary>The cache that tests share which do not look at it: what one has woven the next need not.</summary>
    public static string SharedCache { get; } = MakeShared();

    public string Folder { get; } = Directory.CreateTempSubdirectory("ilpreempt-test-").FullName;

    public string Cache => Path.Combine(Folder, "cache");

    /// <summary>Options that use the shared cache.</summary>
    public static ChildOptions Shared(Action<Dictionary<string, string?>>? environment = null) => With(SharedCache, environment);

    /// <summary>Options that use this sandbox's own cache.</summary>
    public ChildOptions Own() => With(Cache, null);

    /// <summary>A copy of a built sample program; returns its dll.</summary>
    public string Copy(string sample, string leaf = "app")
    {
        string source = Path.GetDirectoryName(Repo.TestApp(sample))!;
        string target = Path.Combine(Folder, leaf);
        foreach (string folder in Directory.GetDirectories(source, "*", SearchOption.AllDirectories).Prepend(source))
        {
            Directory.CreateDirectory(Path.Combine(target, Path.GetRelativePath(source, folder)));
        }

        foreach (string file in Directory.GetFiles(source, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(target, Path.GetRelativePath(source, file)));
        }

        return Path.Combine(target, sample + ".dll");
    }

    public string Write(string name, string text)
    {
        string file = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return file;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static ChildOptions With(string cache, Action<Dictionary<string, string?>>? environment)
    {
        Dictionary<string, string?> variables = new() { ["ILPREEMPT_CACHE"] = cache };
        environment?.Invoke(variables);
        return new ChildOptions { Environment = variables };
    }

    private static string MakeShared()
    {
        string folder = Directory.CreateTempSubdirectory("ilpreempt-cache-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }
}
