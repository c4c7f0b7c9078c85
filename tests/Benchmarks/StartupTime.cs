using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>
/// How much later a small program starts: <c>dotnet Hello.dll</c>, <c>ilpreempt run Hello.dll</c> with everything in the
/// cache, and the same with an empty cache, turn and turn about.
/// </summary>
internal static class StartupTime
{
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
