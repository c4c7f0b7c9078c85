using System.Collections.Concurrent;
using System.Diagnostics;
using ILPreempt.TestUtils;

namespace ILPreempt.Stress.Cil;

/// <summary>One seed on which original and woven differ.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Text">What was seen.</param>
/// <param name="IsOfJit">Whether it fails again, but not when the JIT does not optimise. What fails once and not again may be a race of ours.</param>
internal sealed record CilFailure(ulong Seed, string Text, bool IsOfJit)
{
    public override string ToString() =>
        $"seed {Seed}: {Text}{(IsOfJit ? " (not without the JIT's optimiser)" : "")}\n    replay: dotnet run -c Release --project tests/Stress -- cil --seed {Seed}";
}

/// <summary>Sends ranges of seeds to child processes, half of them with a JIT that optimises at once.</summary>
internal static class CilFuzzer
{
    // Of CPU, since a machine may be busy with other things: what a program takes is a second at most. The wait is for one that sleeps.
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan s_longestWait = TimeSpan.FromMinutes(10);

    /// <summary>Judges seeds until the range or the time is used up.</summary>
    public static (int Seeds, long Checks, IReadOnlyList<CilFailure> Failures) Run(ulong first, ulong count, int processes, int perProcess, TimeSpan? time, Action<string>? log = null)
    {
        ConcurrentQueue<CilFailure> failures = new();
        long next = 0;
        int seeds = 0;
        long checks = 0;
        Stopwatch clock = Stopwatch.StartNew();
        Task[] all = [.. Enumerable.Range(0, processes).Select(_ => Task.Factory.StartNew(
            () =>
            {
                while ((time is null || clock.Elapsed < time) && (ulong)Interlocked.Add(ref next, perProcess) - (ulong)perProcess is { } from && from < count)
                {
                    Judge(first + from, (ulong)perProcess);
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        Task.WaitAll(all);
        return (seeds, checks, [.. failures.OrderBy(f => f.Seed)]);

        void Judge(ulong from, ulong many)
        {
            ulong end = from + many;
            while (from < end)
            {
                (IReadOnlyList<string> lines, string ending) = Child(from, end - from, []);
                ulong at = from;
                bool isReal = false;
                foreach (string line in lines)
                {
                    string[] words = line.Split(' ', 2);
                    switch (words[0])
                    {
                        case "seed":
                            at = ulong.Parse(words[1]);
                            break;
                        case "ok":
                            Interlocked.Increment(ref seeds);
                            Interlocked.Add(ref checks, long.Parse(words[1]));
                            break;
                        case "FAIL":
                            Add(at, words[1]);
                            break;
                        case "real":
                            isReal = true;
                            at = ulong.Parse(words[1]);
                            break;
                        default:
                            break;
                    }
                }

                if (lines.Count > 0 && lines[^1] == "done")
                {
                    return;
                }

                Add(at, (isReal ? "(or one of the next three) under the real scheduler: " : "") + ending, isReal ? 4UL : 1);
                if (isReal)
                {
                    return;
                }

                from = at + 1;
            }
        }

        void Add(ulong seed, string text, ulong orOneOf = 1)
        {
            bool isOfJit = Verdict(Child(seed, orOneOf, [])) is not null && Verdict(Child(seed, orOneOf, [], optimises: false)) is null;
            CilFailure failure = new(seed, text, isOfJit);
            failures.Enqueue(failure);
            log?.Invoke(failure.ToString());
        }
    }

    /// <summary>Judges one seed, whole or in part; null if it passes.</summary>
    public static string? Try(ulong seed, IReadOnlyCollection<ulong> leftOut) => Verdict(Child(seed, 1, leftOut));

    private static string? Verdict((IReadOnlyList<string> Lines, string Ending) child) =>
        child.Lines.FirstOrDefault(l => l.StartsWith("FAIL ", StringComparison.Ordinal))?[5..] ?? (child.Lines.Count > 0 && child.Lines[^1] == "done" ? null : child.Ending);

    private static (IReadOnlyList<string> Lines, string Ending) Child(ulong first, ulong count, IReadOnlyCollection<ulong> leftOut, bool optimises = true)
    {
        bool atOnce = first / 50 % 2 == 0;
        ProcessStartInfo info = new(Repo.Dotnet, [typeof(CilFuzzer).Assembly.Location, "cil-worker", $"{first}", $"{count}", .. leftOut.Select(p => $"{p}")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["DOTNET_TieredCompilation"] = atOnce ? "0" : "1";
        info.Environment["DOTNET_JITMinOpts"] = optimises ? "0" : "1";
        info.Environment["DOTNET_TieredPGO"] = "0";
        info.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        info.Environment["ILPREEMPT_STRESS"] = $"1:{first % int.MaxValue}";
        info.Environment["ILPREEMPT_MAXPROCS"] = $"{1 + (first / 100 % 3)}";
        using Process child = Process.Start(info)!;
        List<string> lines = [];
        Task<string> error = child.StandardError.ReadToEndAsync();
        string ending;
        while (true)
        {
            Task<string?> read = child.StandardOutput.ReadLineAsync();
            if (!Comes(read, child))
            {
                child.Kill(entireProcessTree: true);
                ending = "hangs " + lines.LastOrDefault();
                break;
            }

            if (read.Result is not { } line)
            {
                child.WaitForExit();
                ending = $"the process ended with {child.ExitCode} {lines.LastOrDefault()}: {error.Result.ReplaceLineEndings(" | ")}";
                break;
            }

            lines.Add(line);
        }

        return (lines, ending);
    }

    private static bool Comes(Task read, Process child)
    {
        TimeSpan before = child.TotalProcessorTime;
        for (Stopwatch clock = Stopwatch.StartNew(); !read.Wait(1000);)
        {
            child.Refresh();
            if (!child.HasExited && (child.TotalProcessorTime - before > s_silence || clock.Elapsed > s_longestWait))
            {
                return false;
            }
        }

        return true;
    }
}
