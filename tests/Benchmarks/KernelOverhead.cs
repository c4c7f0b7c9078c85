using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using ILPreempt.Benchmarks.Table;
using ILPreempt.Weaver;
using ILPreempt.Weaver.Resolving;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What checks cost a single goroutine: every kernel from the original and from the woven assembly, in one process,
/// turn and turn about, so that both see the same machine. Both copies are warmed up to the JIT's last tier first.
/// </summary>
/// <remarks>
/// Each round times both in alternating order; the figure is the median over rounds of woven/plain, which throws
/// away what a neighbour on the machine did to a round. A second original copy, measured the same way, shows the noise.
/// </remarks>
internal static class KernelOverhead
{
    /// <summary>Rows of the table. Plain is 1, by turns in one process.</summary>
    public static Subject Subject() => new(
        "kernels",
        [
            new Row("kernels/mean", "time of woven kernels, plain = 1: geometric mean", "x"),
            new Row("kernels/worst", "time of woven kernels, plain = 1: worst", "x"),
            .. Kernels.Kernels.All.Keys.Select(n => new Row($"kernels/{n}", n, "x") { PlotOnly = true }),
        ],
        (column, quick) => column == Column.Dotnet
            ? new Answer(new Dictionary<string, double> { ["mean"] = 1, ["worst"] = 1 })
            : Programs.Inside(column, quick ? ["kernels", "--rows", "--quick"] : ["kernels", "--rows"])) { Rounds = 1 };

    public static int Run(string[] args)
    {
        bool quick = args.Contains("--quick");
        HashSet<string> only = [.. args.Where(a => !a.StartsWith('-'))];
        string original = Path.Combine(AppContext.BaseDirectory, "ILPreempt.Benchmarks.Kernels.dll");
        string folder = Directory.CreateTempSubdirectory("ilpreempt-kernels-").FullName;
        try
        {
            string woven = Path.Combine(folder, Path.GetFileName(original));
            string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
            using ReferenceSet references = new(Directory.EnumerateFiles(framework, "*.dll"));
            WeaverOptions options = new()
            {
                StripMine = !args.Contains("--no-strip"),
                Checks = args.Contains("--all") ? CheckPlacement.All : CheckPlacement.LoopsAndCycles,
            };
            WeaveReport report = new AssemblyWeaver(options, references).WeaveFile(original, woven);
            Console.WriteLine($"{report.LoopChecks} loop checks, {report.StripMinedLoopChecks} in counted loops, {report.PrologueChecks} in prologues");
            Measure(Load(original, "plain"), Load(woven, "woven"), Load(original, "again"), only, quick ? 15 : 41, args.Contains("--rows"), quick && args.Contains("--rows") ? 3 : 5);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    private static Dictionary<string, Func<double>> Load(string file, string name)
    {
        Assembly assembly = new AssemblyLoadContext(name).LoadFromAssemblyPath(file);
        Type kernels = assembly.GetType("ILPreempt.Benchmarks.Kernels.Kernels", throwOnError: true)!;
        return (Dictionary<string, Func<double>>)kernels.GetProperty("All")!.GetValue(null)!;
    }

    private static void Measure(
        Dictionary<string, Func<double>> plain, Dictionary<string, Func<double>> woven, Dictionary<string, Func<double>> again, HashSet<string> only, int rounds, bool rows, int warmUps)
    {
        Console.WriteLine($"{"kernel",-18}{"plain ms",10}{"woven ms",10}{"ratio",8}{"noise",8}");
        double logSum = 0;
        double worst = 0;
        int count = 0;
        foreach ((string name, Func<double> run) in plain)
        {
            if (only.Count > 0 && !only.Contains(name))
            {
                continue;
            }

            Func<double>[] variants = [run, woven[name], again[name]];
            WarmUp(variants, name, warmUps);
            double[][] times = [new double[rounds], new double[rounds], new double[rounds]];
            for (int round = 0; round < rounds; round++)
            {
                for (int i = 0; i < variants.Length; i++)
                {
                    int variant = (round + i) % variants.Length;
                    times[variant][round] = Time(variants[variant]);
                }
            }

            double ratio = Median([.. times[1].Zip(times[0], (w, p) => w / p)]);
            double noise = Median([.. times[2].Zip(times[0], (a, p) => a / p)]);
            Console.WriteLine($"{name,-18}{Median(times[0]),10:F3}{Median(times[1]),10:F3}{ratio,8:F3}{noise,8:F3}");
            if (rows)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {ratio:F4}"));
            }

            logSum += Math.Log(ratio);
            worst = Math.Max(worst, ratio);
            count++;
        }

        if (rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"mean {Math.Exp(logSum / count):F4}\nworst {worst:F4}"));
        }

        Console.WriteLine($"geometric mean {Math.Exp(logSum / count):F3}, worst {worst:F3}, {count} kernels");
    }

    // Tier 1 needs 30 calls and a quiet 100 ms; a loop's own replacement needs less. Twice, since callees follow callers.
    private static void WarmUp(Func<double>[] variants, string name, int passes)
    {
        double expected = variants[0]();
        for (int pass = 0; pass < passes; pass++)
        {
            foreach (Func<double> variant in variants)
            {
                for (int i = 0; i < 32; i++)
                {
                    if (variant() != expected)
                    {
                        throw new InvalidOperationException($"{name}: the woven kernel computes something else.");
                    }
                }
            }

            Thread.Sleep(200);
        }
    }

    private static double Time(Func<double> kernel)
    {
        double start = ThreadCpuMs();
        kernel();
        return ThreadCpuMs() - start;
    }

    // CPU time of this thread: wall time on a shared machine measures the neighbours.
    private static unsafe double ThreadCpuMs()
    {
        const int ClockThreadCpuTime = 3;
        long* time = stackalloc long[2];
        Marshal.ThrowExceptionForHR(ClockGetTime(ClockThreadCpuTime, time));
        return (time[0] * 1e3) + (time[1] * 1e-6);
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern unsafe int ClockGetTime(int clock, long* time);

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
