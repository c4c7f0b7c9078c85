using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Xml.Linq;
using ILPreempt.Compatibility;
using ILPreempt.TestUtils;

// Runs the rows in all modes, measures them, and writes docs/compatibility.md; with names, only these rows of it anew.
// --quick compares and measures nothing; --figures measures, and leaves what the table says of the modes.
// Plain and hosted run in turn, and what is compared is the median of each: a machine that is busy is busy for both.
if (args is ["--help", ..])
{
    Console.Error.WriteLine("Usage: ILPreempt.Compatibility [--quick | --figures] [ROW...]");
    return 64;
}

bool quick = args is ["--quick", ..];
bool figures = args is ["--figures", ..];
string[] names = quick || figures ? args[1..] : args;
if (names.Except(Rows.All.Select(r => r.Name)).FirstOrDefault() is { } unknown)
{
    Console.Error.WriteLine($"No row {unknown}; there are {string.Join(", ", Rows.All.Select(r => r.Name))}.");
    return 64;
}

const int Times = 5;
const string Seconds = "4";
XElement versions = XElement.Load(Path.Combine(Repo.Root, "Directory.Packages.props"));
string document = Path.Combine(Repo.Root, "docs", "compatibility.md");
bool red = false;
foreach (Row row in Rows.All.Where(r => names.Length == 0 || names.Contains(r.Name)))
{
    string[] before = figures ? Before(row) : [];
    List<string> results = [];
    foreach (Mode mode in new[] { Mode.Plain, Mode.Stress, Mode.OneProcessor, Mode.WeaveAll })
    {
        if (before.Length > 0)
        {
            results.Add(before[results.Count].Split(" (")[0]);
            continue;
        }

        string? difference = Compare(row, mode);
        results.Add(difference is null ? "equal" : "**differs**");
        if (difference is not null)
        {
            red = true;
            Console.Error.WriteLine($"{row.Name}, {mode.Name}: {difference}");
        }
    }

    string version = row.Package.Length == 0 ? $".NET {Path.GetFileName(Sdk.Folder)}" : versions.Descendants("PackageVersion").Single(p => (string?)p.Attribute("Include") == row.Package).Attribute("Version")!.Value;
    string stress = row.StressEvery == 1 ? results[1] : $"{results[1]} (n = {row.StressEvery})";
    string line = $"| {row.Name} | {row.What} | {version} | {results[0]} | {stress} | {results[2]} | {results[3]} | {(quick ? "" : Ratio(row, Elapsed))} | {(quick || !row.Measures ? "" : Ratio(row, RoundsPerSecond))} | {row.Note} |";
    Console.WriteLine(line);
    Write(row, line);
}

return red ? 1 : 0;

// What the table says of the four modes; empty if the row is not in it.
string[] Before(Row row)
{
    string? line = File.Exists(document) ? File.ReadLines(document).FirstOrDefault(l => l.StartsWith($"| {row.Name} |", StringComparison.Ordinal)) : null;
    return line is null ? [] : [.. line.Split('|').Skip(4).Take(4).Select(cell => cell.Trim())];
}

static string? Compare(Row row, Mode mode)
{
    try
    {
        return row.Compare(mode);
    }
    catch (TimeoutException e)
    {
        return e.Message;
    }
}

// Both larger than 1 where the host is faster: time plain / hosted, and rounds hosted / plain.
string Ratio(Row row, Func<Row, string[]?, double> measure)
{
    List<double> plain = [];
    List<double> hosted = [];
    for (int i = 0; i < Times; i++)
    {
        plain.Add(measure(row, null));
        hosted.Add(measure(row, row.RunOptions));
    }

    double ratio = Median(hosted) / Median(plain);
    return double.IsNaN(ratio) ? "failed" : ratio.ToString("F2", CultureInfo.InvariantCulture);
}

static double Elapsed(Row row, string[]? runOptions) => 1 / row.Run(runOptions).Result.Elapsed.TotalSeconds;

double RoundsPerSecond(Row row, string[]? runOptions)
{
    ChildResult result = row.Run(runOptions, "measure", Seconds).Result;
    if (result.ExitCode != 0)
    {
        Console.Error.WriteLine($"{row.Name}: {result}");
        red = true;
        return double.NaN;
    }

    return double.Parse(result.StdOut, CultureInfo.InvariantCulture);
}

static double Median(List<double> values) => values.Contains(double.NaN) ? double.NaN : values.Order().ElementAt(values.Count / 2);

// After each row, so that a run that is broken off leaves what it has.
void Write(Row done, string line)
{
    string[] before = File.Exists(document) ? File.ReadAllLines(document) : [];
    IEnumerable<string> lines = Rows.All.Select(r => r == done ? line : before.FirstOrDefault(b => b.StartsWith($"| {r.Name} |", StringComparison.Ordinal))).OfType<string>();
    StringBuilder text = new();
    text.Append($"""
        # Compatibility corpus

        Real, unmodified programs and libraries from NuGet and the SDK, each run under plain `dotnet` and under `ilpreempt run`; standard output, standard
        error, exit code and the files that the row names are the same, byte for byte, or the row says "differs". `tests/Compatibility/Rows.cs` is the list, `tests/Compatibility/Programs`
        holds the programs that drive the libraries, and `tests/Compatibility.Tests` runs the rows in each run of the tests: all of them hosted, the light ones
        under stress too, all modes with `ILPREEMPT_TESTS_LONG=1`.

        ```sh
        dotnet run -c Release --project tests/Compatibility
        ```

        writes this file. Hosted: no options. Stress: preempted at every n-th check (`--stress n`, n = 1 where nothing else is said). One P: stressed with `--maxprocs 1`.
        Weave all: .NET itself is woven (`--weave all`). Whole run: time plain / time hosted of the process from start to end with one round of
        work, everything compiled by the JIT on the way, woven assemblies already in the cache. Warm: rounds of work per second hosted / plain after a warm-up. Both are medians of
        {Times} runs each, in turn ({Seconds} s each when warm), larger is better; empty where it was not measured.
        A short whole run is behind by the host's start, and because woven assemblies go through the JIT where plain `dotnet` has precompiled code (ILP0013; inferred): most in the SDK's
        compilers. Warm figures below 0.9 are the checks where that was looked into (Jint, Lucene, AngleSharp, BouncyCastle: with `--weave none` 0.92 to 1.23 of plain, woven 0.76 to 0.90, one or two runs each):
        interpreters, parsers and indexers are calls in circles and short loops. Not looked into: Scripting, Orleans, and MinimalApi, whose requests take the same time one by one. {Environment.ProcessorCount} processors ({RuntimeInformation.OSArchitecture}), {RuntimeInformation.FrameworkDescription}.

        | row | what it does | version | hosted | stress | stress, one P | weave all | whole run | warm | remarks |
        | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |

        """);
    text.AppendJoin('\n', lines).Append('\n');
    File.WriteAllText(document, text.ToString());
}
