using ILPreempt.Stress.Cil;
using ILPreempt.Weaver;

namespace ILPreempt.Stress;

/// <summary>The long runs, one command each (docs/testing.md).</summary>
internal static class Program
{
    private const string Usage = """
        cil [--seed N] [--from N] [--count N] [--minutes N] [--processes N]   generated programs, original against woven
        cil --seed N --show                                                   and print what is left after minimising
        cache [--seed N] [--minutes N]                                        hosts killed while they fill the cache
        suite [--project NAME] [--runs N] [--load N] [--seed N]               a test project in a loop, beside N busy threads (one per CPU);
                                                                              with a seed the scheduler chooses by it
        """;

    private static int Main(string[] args)
    {
        switch (args.FirstOrDefault())
        {
            case "cil-worker":
                return CilWorker.Run(args.AsSpan(1));
            case "cil":
                return Cil(args);
            case "cache":
                ulong seed = Number(args, "--seed") ?? (ulong)DateTime.UtcNow.Ticks;
                Console.WriteLine($"cache seed {seed}");
                Console.WriteLine($"{CacheFuzzer.Run(seed, TimeSpan.FromMinutes(Number(args, "--minutes") ?? 10), atLeast: 3)} rounds");
                return 0;
            case "suite":
                int project = Array.IndexOf(args, "--project");
                return SuiteLoop.Run(
                    project >= 0 && project + 1 < args.Length ? args[project + 1] : "Runtime.Tests", (int)(Number(args, "--runs") ?? 100),
                    (int)(Number(args, "--load") ?? (ulong)Environment.ProcessorCount), Number(args, "--seed"));
            case "burn":
                return SuiteLoop.Burn(int.Parse(args[1]), int.Parse(args[2]));
            default:
                Console.Error.WriteLine(Usage);
                return 64;
        }
    }

    private static int Cil(string[] args)
    {
        if (Number(args, "--seed") is { } seed)
        {
            string? text = CilFuzzer.Try(seed, []);
            Console.WriteLine(text is null ? $"seed {seed}: passes" : $"seed {seed}: {text}");
            if (text is not null && args.Contains("--show"))
            {
                HashSet<ulong> leftOut = Minimiser.Run(seed, Console.Error.WriteLine);
                Console.WriteLine(Minimiser.Show(seed, leftOut, text.Contains("checks=All", StringComparison.Ordinal) ? CheckPlacement.All : CheckPlacement.LoopsAndCycles));
                Console.WriteLine(CilFuzzer.Try(seed, leftOut));
            }

            return text is null ? 0 : 1;
        }

        ulong minutes = Number(args, "--minutes") ?? 10;
        (int seeds, long checks, IReadOnlyList<CilFailure> failures) = CilFuzzer.Run(
            Number(args, "--from") ?? (ulong)DateTime.UtcNow.Ticks, Number(args, "--count") ?? ulong.MaxValue / 2, (int)(Number(args, "--processes") ?? 2), 50, TimeSpan.FromMinutes(minutes), Console.WriteLine);
        int ofJit = failures.Count(f => f.IsOfJit);
        Console.WriteLine($"{seeds} programs passed, {checks} checks met, {failures.Count - ofJit} failed, {ofJit} more not without the JIT's optimiser");
        return failures.Count == ofJit ? 0 : 1;
    }

    private static ulong? Number(string[] args, string name) =>
        Array.IndexOf(args, name) is >= 0 and int at && at + 1 < args.Length && ulong.TryParse(args[at + 1], out ulong value) ? value : null;
}
