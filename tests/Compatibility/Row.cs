using System.Collections.Concurrent;
using System.Security.Cryptography;
using ILPreempt.TestUtils;

namespace ILPreempt.Compatibility;

/// <summary>A way to run a program under the host.</summary>
/// <param name="Name">Its column in the table.</param>
/// <param name="Options">Of <c>ilpreempt run</c>, for a row.</param>
public sealed record Mode(string Name, Func<Row, string[]> Options)
{
    /// <summary>As a user would run it.</summary>
    public static readonly Mode Plain = new("hosted", _ => []);

    /// <summary>Preempted at every n-th check.</summary>
    public static readonly Mode Stress = new("stress", row => ["--stress", $"{row.StressEvery}"]);

    /// <summary>Preempted at every n-th check, where a goroutine that stops lets all others pass.</summary>
    public static readonly Mode OneProcessor = new("stress, one P", row => ["--maxprocs", "1", "--stress", $"{row.StressEvery}"]);

    /// <summary>Stopped by signals all the time, wherever it runs managed code. Not a column of the table.</summary>
    public static readonly Mode Storm = new("storm", _ => ["--storm", "5000"]);

    /// <summary>With .NET itself woven.</summary>
    public static readonly Mode WeaveAll = new("weave all", _ => ["--weave", "all"]);
}

/// <summary>
/// A real program of the corpus and how it is run. Every run has a fresh current folder, always at the same path, since some programs write
/// that path into what they produce; the plain run of a row is made once and compared with the hosted run of each mode.
/// </summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="What">What it exercises.</param>
/// <param name="Program">The assembly to run.</param>
public sealed record Row(string Name, string What, Func<string> Program)
{
    private static readonly ConcurrentDictionary<string, Lazy<(ChildResult Result, string[] Products)>> s_plain = new();

    /// <summary>The package whose version the table shows; "" = the SDK's.</summary>
    public string Package { get; init; } = "";

    /// <summary>Writes what it needs into its current folder and returns its arguments.</summary>
    public Func<TempFolder, string[]> Prepare { get; init; } = _ => [];

    /// <summary>Files it must produce, the same byte for byte.</summary>
    public string[] Products { get; init; } = [];

    /// <summary>Something its plain output has to hold, where silence would prove nothing.</summary>
    public string AtLeast { get; init; } = "";

    /// <summary>Takes out of its output what differs between two plain runs.</summary>
    public Func<string, string> Normalise { get; init; } = text => text;

    /// <summary>More options of <c>ilpreempt run</c>.</summary>
    public string[] RunOptions { get; init; } = [];

    /// <summary>Which checks preempt in the stressed runs.</summary>
    public int StressEvery { get; init; } = 1;

    /// <summary>Its stressed run takes seconds, so that it is in every run of the tests.</summary>
    public bool Light { get; init; }

    /// <summary>It understands <c>measure SECONDS</c> (Programs/Rounds.cs).</summary>
    public bool Measures { get; init; }

    /// <summary>What its figures or its history need saying.</summary>
    public string Note { get; init; } = "";

    /// <summary>What differs between the plain run and the run in a mode; null = nothing.</summary>
    public string? Compare(Mode mode)
    {
        (ChildResult plain, string[] wanted) = s_plain.GetOrAdd(Name, _ => new(() => Run(null))).Value;
        if (plain.ExitCode != 0 && AtLeast.Length == 0 || !plain.StdOut.Contains(AtLeast, StringComparison.Ordinal))
        {
            return $"the plain run failed: {plain}";
        }

        (ChildResult hosted, string[] products) = Run([.. RunOptions, .. mode.Options(this)]);
        return Difference.Between(plain, hosted, Normalise)
            ?? (wanted.SequenceEqual(products) ? null : $"files: plain {string.Join(", ", wanted)}; hosted {string.Join(", ", products)}");
    }

    /// <summary>One run in a fresh folder, plain without options; afterwards the hashes of its products.</summary>
    public (ChildResult Result, string[] Products) Run(string[]? runOptions, params string[] arguments)
    {
        using TempFolder folder = new(Name);
        string[] all = [.. Prepare(folder), .. arguments];
        ChildOptions options = new() { WorkingDirectory = folder.Path, Timeout = TimeSpan.FromMinutes(5), Environment = Sdk.Environment };
        ChildResult result = runOptions is null ? ChildProcess.Plain(Program(), all, options) : ChildProcess.Hosted(Program(), all, options, runOptions);
        return (result, [.. Products.Select(p => $"{p} {Hash(folder.In(p))}")]);
    }

    private static string Hash(string file) => File.Exists(file) ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))[..16] : "missing";
}
