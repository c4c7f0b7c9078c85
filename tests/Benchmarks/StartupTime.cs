using ILPreempt.Benchmarks.Table;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>
/// How much later a small program starts: <c>dotnet Hello.dll</c>, <c>ilpreempt run Hello.dll</c> with everything in the
/// cache, and the same with an empty cache, turn and turn about.
/// </summary>
internal static class StartupTime
{
    /// <summary>Rows of the table. Under plain dotnet and Go there is nothing to warm up: both rows have the same figure there.</summary>
    public static Subject Subject()
    {
        string cache = Path.Combine(Path.GetTempPath(), $"ilpreempt-startup-{Environment.ProcessId}");
        return new Subject("startup", [new Row("startup/warm", "start of Hello, everything in the cache", "ms"), new Row("startup/cold", "start of Hello, first run", "ms")], Run) { Rounds = 11 };

        Answer? Run(Column column, bool quick)
        {
            try
            {
                double Once(string command, params string[] arguments) => Processes.Measure(command, arguments, new() { ["ILPREEMPT_CACHE"] = cache }).Wall;
                if (column == Column.ILPreempt)
                {
                    double cold = Once(Repo.IlPreempt, "run", Repo.TestApp("Hello"));
                    return new Answer(new Dictionary<string, double> { ["cold"] = cold, ["warm"] = Once(Repo.IlPreempt, "run", Repo.TestApp("Hello")) });
                }

                double? start = column == Column.Dotnet ? Once(Repo.Dotnet, Repo.TestApp("Hello")) : GoPrograms.Program is string program ? Once(program, "hello") : null;
                return start is double ms ? new Answer(new Dictionary<string, double> { ["cold"] = ms, ["warm"] = ms }) : null;
            }
            finally
            {
                if (Directory.Exists(cache))
                {
                    Directory.Delete(cache, recursive: true);
                }
            }
        }
    }

    public static int Run(string[] args)
    {
        int rounds = args.Contains("--quick") ? 7 : 21;
        string app = args.FirstOrDefault(a => !a.StartsWith('-')) ?? Repo.TestApp("Hello");
        string folder = Directory.CreateTempSubdirectory("ilpreempt-startup-").FullName;
        try
        {
            Cost Hosted(string cache) => Processes.Measure(Repo.IlPreempt, ["run", app], new() { ["ILPREEMPT_CACHE"] = cache });
            string warm = Path.Combine(folder, "warm");
            Hosted(warm);
            List<Cost> plain = [], cached = [], first = [];
            for (int round = 0; round < rounds; round++)
            {
                plain.Add(Processes.Measure(Repo.Dotnet, app));
                cached.Add(Hosted(warm));
                first.Add(Hosted(Path.Combine(folder, $"first{round}")));
            }

            Cost basis = Cost.Median(plain);
            Console.WriteLine($"{"start of " + Path.GetFileNameWithoutExtension(app),-28}{"ms",8}{"CPU ms",8}{"later",8}");
            Print("dotnet", basis);
            Print("ilpreempt, in the cache", Cost.Median(cached));
            Print("ilpreempt, first run", Cost.Median(first));
            void Print(string name, Cost cost) => Console.WriteLine($"{name,-28}{cost.Wall,8:F0}{cost.Cpu,8:F0}{cost.Wall - basis.Wall,8:F0}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }
}
