using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using ILPreempt.Benchmarks.Table;
using ILPreempt.Runtime;
using ILPreempt.TestUtils;
using ILPreempt.Weaver;
using ILPreempt.Weaver.Resolving;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What checks cost a single goroutine: every kernel from the original and from the woven assembly, in one process,
/// turn and turn about, so that both see the same machine. Both copies are warmed up to the JIT's last tier first.
/// </summary>
/// <remarks>
/// Each round times both in alternating order; a process' figure is the median over rounds of woven/plain, which throws
/// away what a neighbour on the machine did to a round. A second original copy, measured the same way, shows the noise. Where code and
/// arrays come to lie is decided once for a process, and can make the same kernel 1.6 times as fast as its own copy; so several
/// processes are asked, and the figure is the median of theirs. With <c>--asked</c> the poll word is up
/// for some microseconds when a kernel begins, as when somebody else is asked to stop: the word is one for the whole process. Then loops run in the copies that have
/// the calls, and where many goroutines take turns, that is where long loops are.
/// </remarks>
internal static class KernelOverhead
{
    private const int Rounds = 15;
    private const int WarmUps = 3;

    private static bool s_asked;

    /// <summary>Rows of the table. Plain is 1, by turns in one process.</summary>
    public static IEnumerable<Subject> Subjects() =>
    [
        new("kernels", [.. Rows("kernels", "time of woven kernels"), .. Kernels.Kernels.All.Keys.Select(n => new Row($"kernels/{n}", n, "x") { PlotOnly = true })], Ask()) { Rounds = 1 },
        new("kernels-asked", [.. Rows("kernels-asked", "time of woven kernels after somebody was asked to stop")], Ask("--asked")) { Rounds = 1 },
    ];

    private static IEnumerable<Row> Rows(string subject, string what) =>
        [new Row($"{subject}/mean", $"{what}, plain = 1: geometric mean", "x"), new Row($"{subject}/worst", $"{what}, plain = 1: worst", "x")];

    private static Func<Column, bool, Answer?> Ask(params string[] options) => (column, quick) => column == Column.Dotnet
        ? new Answer(new Dictionary<string, double> { ["mean"] = 1, ["worst"] = 1 })
        : Programs.Inside(column, ["kernels", "--rows", .. options, .. quick ? (string[])["--quick"] : []]);

    public static int Run(string[] args) => args.Contains("--once") ? RunOnce(args) : RunInProcesses(args);

    private static int RunInProcesses(string[] args)
    {
        int processes = args.Contains("--quick") ? 3 : 7;
        Dictionary<string, List<(double Ratio, double Noise)>> all = [];
        for (int i = 0; i < processes; i++)
        {
            ChildResult child = ChildProcess.Run(Repo.Dotnet, [typeof(KernelOverhead).Assembly.Location, "kernels", "--once", .. args], new ChildOptions { Timeout = TimeSpan.FromMinutes(5) });
            if (child.ExitCode != 0)
            {
                Console.Error.WriteLine(child);
                return 1;
            }

            foreach (string[] words in child.StdOut.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            {
                if (words.Length == 5 && double.TryParse(words[3], CultureInfo.InvariantCulture, out double ratio))
                {
                    all.TryAdd(words[0], []);
                    all[words[0]].Add((ratio, double.Parse(words[4], CultureInfo.InvariantCulture)));
                }
            }
        }

        Console.WriteLine($"{"kernel",-18}{"ratio",8}{"from",8}{"to",8}{"noise",8}");
        List<(string Name, double Ratio)> medians = [];
        foreach ((string name, List<(double Ratio, double Noise)> samples) in all)
        {
            double[] ratios = [.. samples.Select(s => s.Ratio)];
            medians.Add((name, Median(ratios)));
            Console.WriteLine($"{name,-18}{Median(ratios),8:F3}{ratios.Min(),8:F3}{ratios.Max(),8:F3}{Median([.. samples.Select(s => s.Noise)]),8:F3}");
        }

        double mean = Math.Exp(medians.Average(m => Math.Log(m.Ratio)));
        double worst = medians.Max(m => m.Ratio);
        Console.WriteLine($"geometric mean {mean:F3}, worst {worst:F3}, {medians.Count} kernels, {processes} processes");
        if (args.Contains("--rows"))
        {
            medians.ForEach(m => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{m.Name} {m.Ratio:F4}")));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"mean {mean:F4}\nworst {worst:F4}"));
        }

        return 0;
    }

    private static int RunOnce(string[] args)
    {
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
            if (args.Contains("--asked"))
            {
                s_asked = true;
                new Thread(Answer) { IsBackground = true }.Start();
            }

            Measure(Load(original, "plain"), Load(woven, "woven"), Load(original, "again"), only);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    // Takes each request back after some microseconds, like one that another goroutine answers.
    private static void Answer()
    {
        while (true)
        {
            while (Volatile.Read(ref StackGuard.Poll) == 0)
            {
            }

            Thread.SpinWait(500);
            Volatile.Write(ref StackGuard.Poll, 0);
        }
    }

    private static Dictionary<string, Func<double>> Load(string file, string name)
    {
        Assembly assembly = new AssemblyLoadContext(name).LoadFromAssemblyPath(file);
        Type kernels = assembly.GetType("ILPreempt.Benchmarks.Kernels.Kernels", throwOnError: true)!;
        return (Dictionary<string, Func<double>>)kernels.GetProperty("All")!.GetValue(null)!;
    }

    private static void Measure(
        Dictionary<string, Func<double>> plain, Dictionary<string, Func<double>> woven, Dictionary<string, Func<double>> again, HashSet<string> only)
    {
        Console.WriteLine($"{"kernel",-18}{"plain ms",10}{"woven ms",10}{"ratio",8}{"noise",8}");
        foreach ((string name, Func<double> run) in plain)
        {
            if (only.Count > 0 && !only.Contains(name))
            {
                continue;
            }

            Func<double>[] variants = [run, woven[name], again[name]];
            WarmUp(variants, name);
            double[][] times = [new double[Rounds], new double[Rounds], new double[Rounds]];
            for (int round = 0; round < Rounds; round++)
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
        }
    }

    // Tier 1 needs 30 calls and a quiet 100 ms; a loop's own replacement needs less. Twice, since callees follow callers.
    private static void WarmUp(Func<double>[] variants, string name)
    {
        double expected = variants[0]();
        for (int pass = 0; pass < WarmUps; pass++)
        {
            foreach (Func<double> variant in variants)
            {
                for (int i = 0; i < 32; i++)
                {
                    Volatile.Write(ref StackGuard.Poll, s_asked ? 1 : 0);
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
        Volatile.Write(ref StackGuard.Poll, s_asked ? 1 : 0);
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
