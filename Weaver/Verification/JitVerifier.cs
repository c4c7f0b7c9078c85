using System.Diagnostics;

namespace ILPreempt.Weaver.Verification;

/// <summary>What the JIT refuses in one assembly.</summary>
/// <param name="Compiled">Methods that compiled.</param>
/// <param name="Failures">Sorted lines of <see cref="JitSweep"/>.</param>
/// <param name="Crash">How the process ended if not by itself; null normally.</param>
public sealed record SweepResult(int Compiled, IReadOnlyList<string> Failures, string? Crash);

/// <summary>Runs <see cref="JitSweep"/> in child processes and compares a woven assembly with its original.</summary>
/// <param name="command">Program and first arguments of a child that calls <see cref="Main"/> with what follows.</param>
public sealed class JitVerifier(IReadOnlyList<string> command)
{
    /// <summary>Longest time one sweep may take before it is killed.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The child's side: a file with the paths of references, and an assembly.</summary>
    public static int Main(ReadOnlySpan<string> args)
    {
        JitSweep.Run(args[1], File.ReadAllLines(args[0]), Console.Out);
        return 0;
    }

    /// <summary>Compiles every method of one assembly.</summary>
    public SweepResult Sweep(string assemblyFile, IEnumerable<string> references)
    {
        string list = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(list, references);
            ProcessStartInfo start = new(command[0], [.. command.Skip(1), list, assemblyFile])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process child = Process.Start(start) ?? throw new WeaveException($"{command[0]}: cannot be started.");
            Task<string> output = child.StandardOutput.ReadToEndAsync();
            Task<string> error = child.StandardError.ReadToEndAsync();
            if (!child.WaitForExit(Timeout))
            {
                child.Kill(entireProcessTree: true);
                return new SweepResult(0, [], $"not finished after {Timeout.TotalSeconds:0} s");
            }

            string[] lines = output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            string? total = lines.LastOrDefault(l => l.StartsWith("compiled\t", StringComparison.Ordinal));
            List<string> failures = [.. lines.Where(l => l != total).Order(StringComparer.Ordinal)];
            return total is null || child.ExitCode != 0
                ? new SweepResult(0, failures, $"exit code {child.ExitCode}: {error.Result.Trim()}")
                : new SweepResult(int.Parse(total.AsSpan(9)), failures, null);
        }
        finally
        {
            File.Delete(list);
        }
    }

    /// <summary>What the JIT refuses in the woven assembly but not in the original, and the other way round.</summary>
    public IReadOnlyList<string> Compare(string original, string woven, IEnumerable<string> references)
    {
        string[] all = [.. references];
        SweepResult before = Sweep(original, all);
        SweepResult after = Sweep(woven, all);
        List<string> differences = [
            .. after.Failures.Except(before.Failures).Select(f => "only woven: " + f),
            .. before.Failures.Except(after.Failures).Select(f => "only original: " + f)];
        if (before.Crash != after.Crash)
        {
            differences.Add($"original: {before.Crash ?? "finished"}; woven: {after.Crash ?? "finished"}");
        }

        if (before.Compiled != after.Compiled)
        {
            differences.Add($"compiled {before.Compiled} methods of the original, {after.Compiled} of the woven");
        }

        return differences;
    }
}
