using ILPreempt.Benchmarks.Table;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What weaving costs: <c>ilpreempt weave</c> of single assemblies, each in a process of its own, as the first run of a
/// program pays it. Without arguments a small, a middling and a big one of the corpus.
/// </summary>
internal static class WeavingSpeed
{
    private static readonly string[] s_sizes = ["Serilog", "Newtonsoft.Json", "Microsoft.CodeAnalysis.CSharp"];

    /// <summary>Rows of the table: one assembly of each size.</summary>
    public static Subject Subject()
    {
        return new Subject("weaving", [.. s_sizes.Select(n => new Row($"weaving/{n}", $"weaving {n}, a process of its own", "ms"))], Run) { Rounds = 5 };

        static Answer? Run(Column column, bool quick)
        {
            if (column != Column.ILPreempt)
            {
                return null;
            }

            string output = Path.GetTempFileName();
            try
            {
                return new Answer((quick ? s_sizes.Take(2) : s_sizes).ToDictionary(n => n, n => Processes.Measure(Repo.IlPreempt, "weave", Path.Combine(Corpus, n + ".dll"), "-o", output).Wall));
            }
            finally
            {
                File.Delete(output);
            }
        }
    }

    private static string Corpus => Path.Combine(Repo.Root, "tests", "Corpus", "bin", Repo.Configuration, "net10.0");

    public static int Run(string[] args)
    {
        int rounds = args.Contains("--quick") ? 3 : 9;
        string[] files = [.. args.Where(a => !a.StartsWith('-'))];
        files = files.Length > 0 ? files : [.. s_sizes.Select(n => Path.Combine(Corpus, n + ".dll"))];
        string folder = Directory.CreateTempSubdirectory("ilpreempt-weaving-").FullName;
        try
        {
            Cost[] nothing = Rounds(rounds, () => Processes.Measure(Repo.IlPreempt, "--version"));
            Console.WriteLine($"{"assembly",-34}{"MB",8}{"ms",8}{"CPU ms",8}{"ms/MB",8}");
            Console.WriteLine($"{"(the command alone)",-34}{"",8}{Cost.Median(nothing).Wall,8:F0}{Cost.Median(nothing).Cpu,8:F0}");
            foreach (string file in files)
            {
                string output = Path.Combine(folder, Path.GetFileName(file));
                Cost cost = Cost.Median(Rounds(rounds, () => Processes.Measure(Repo.IlPreempt, "weave", file, "-o", output)));
                double megabytes = new FileInfo(file).Length / 1e6;
                Console.WriteLine($"{Path.GetFileNameWithoutExtension(file),-34}{megabytes,8:F2}{cost.Wall,8:F0}{cost.Cpu,8:F0}{cost.Wall / megabytes,8:F0}");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    private static Cost[] Rounds(int rounds, Func<Cost> run)
    {
        run();
        return [.. Enumerable.Range(0, rounds).Select(_ => run())];
    }
}
