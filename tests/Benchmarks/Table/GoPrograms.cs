using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks.Table;

/// <summary>The Go column's program, built into a folder of its own on first use. Without <c>go</c> on the PATH the column stays empty.</summary>
internal static class GoPrograms
{
    private static readonly Lazy<string?> s_program = new(Build);

    /// <summary>Set before the first use: leaves the column empty.</summary>
    public static bool Off { get; set; }

    public static string? Folder { get; set; }

    public static string? Program => s_program.Value;

    public static string Version => Command is string go && !Off ? ChildProcess.Run(go, ["version"]).StdOut.Trim() : "-";

    private static string? Command => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => Path.Combine(folder, "go")).FirstOrDefault(File.Exists);

    private static string? Build()
    {
        if (Off || Command is not string go)
        {
            return null;
        }

        string program = Path.Combine(Folder!, "go-program");
        ChildResult result = ChildProcess.Run(go, ["build", "-o", program, "."], new ChildOptions
        {
            WorkingDirectory = Path.Combine(Repo.Root, "tests", "Benchmarks", "go"),
            Timeout = TimeSpan.FromMinutes(3),
        });
        if (result.ExitCode == 0)
        {
            return program;
        }

        Console.Error.WriteLine($"go build failed, so there is no column for Go: {result.StdErr}");
        return null;
    }
}
