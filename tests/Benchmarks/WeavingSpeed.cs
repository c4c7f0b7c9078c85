using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What weaving costs: <c>ilpreempt weave</c> of single assemblies, each in a process of its own, as the first run of a
/// program pays it. Without arguments a small, a middling and a big one of the corpus.
/// </summary>
internal static class WeavingSpeed
{
    private static readonly string[] s_sizes = ["Serilog", "Newtonsoft.Json", "Microsoft.CodeAnalysis.CSharp"];

    public static int Run(string[] args)
    {
        int rounds = args.Contains("--quick") ? 3 : 9;
        string[] files = [.. args.Where(a => !a.StartsWith('-'))];
        string corpus = Path.Combine(Repo.Root, "tests", "Corpus", "bin", Repo.Configuration, "net10.0");
        files = files.Length > 0 ? files : [.. s_sizes.Select(n => Path.Combine(corpus, n + ".dll"))];
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
