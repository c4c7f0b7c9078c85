using System.Collections.Concurrent;
using ILPreempt.TestUtils;
using ILPreempt.Weaver.Resolving;
using ILPreempt.Weaver.Verification;

namespace ILPreempt.Weaver.Tests;

/// <summary>
/// Real assemblies of many compilers: woven, and every method given to the JIT. ILPREEMPT_CORPUS=full takes them
/// all, which is some minutes; otherwise those below a size, which is a part of every kind.
/// </summary>
public sealed class CorpusTests : IDisposable
{
    private const long QuickLimit = 450_000;

    private static readonly bool s_full = Environment.GetEnvironmentVariable("ILPREEMPT_CORPUS") == "full";

    private readonly string _folder = Directory.CreateTempSubdirectory("ilpreempt-corpus-").FullName;

    private static string Source => Path.Combine(Repo.Root, "tests", "Corpus", "bin", Repo.Configuration, "net10.0");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Corpus_HasAtLeastFortyAssemblies_BigOnesAmongThem()
    {
        HashSet<string> names = [.. Directory.GetFiles(Source, "*.dll").Select(f => Path.GetFileNameWithoutExtension(f))];
        Assert.True(names.Count >= 40, $"{names.Count} assemblies");
        Assert.Subset(names, (HashSet<string>)["Microsoft.CodeAnalysis.CSharp", "FSharp.Core", "Newtonsoft.Json"]);
    }

    [Fact]
    public void EveryAssembly_WovenTwice_IsByteIdenticalAndCompilesAsBefore()
    {
        string[] all = [.. Directory.GetFiles(Source, "*.dll").Order(StringComparer.Ordinal)];
        string[] inputs = [.. all.Where(f => s_full || new FileInfo(f).Length < QuickLimit)];
        Assert.True(inputs.Length >= (s_full ? 40 : 25), $"{inputs.Length} assemblies");
        string[] framework = [.. StandIn.FrameworkFiles];
        string[] references = [.. all, .. framework, typeof(ILPreempt.Runtime.StackGuard).Assembly.Location];
        using ReferenceSet set = new(references);
        AssemblyWeaver weaver = new(new WeaverOptions(), set);
        JitVerifier verifier = new([Repo.Dotnet, "exec", Path.Combine(Repo.Root, "tests", "JitSweep", "bin", Repo.Configuration, "net10.0", "ILPreempt.JitSweep.dll")]);
        ConcurrentBag<string> wrong = [];
        int woven = 0;
        Parallel.ForEach(inputs, new ParallelOptions { MaxDegreeOfParallelism = 2 }, input =>
        {
            string name = Path.GetFileName(input);
            string output = Path.Combine(_folder, name);
            WeaveReport report = weaver.WeaveFile(input, output);
            foreach (WeaveNote note in report.Notes.Where(n => n.Code is "ILP0008" or "ILP0012" or "ILP0022" or "ILP0023"))
            {
                wrong.Add($"{name}: {note}");
            }

            if (report.Outcome == WeaveOutcome.LeftAlone)
            {
                return;
            }

            Interlocked.Increment(ref woven);
            string again = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "again")).FullName, name);
            weaver.WeaveFile(input, again);
            if (!File.ReadAllBytes(output).AsSpan().SequenceEqual(File.ReadAllBytes(again)))
            {
                wrong.Add($"{name}: two weaves differ");
            }

            SweepResult before = verifier.Sweep(input, references);
            SweepResult after = verifier.Sweep(output, references);
            if (after.Failures.Any(f => f.StartsWith("InvalidProgramException", StringComparison.Ordinal))
                || !before.Failures.SequenceEqual(after.Failures) || before.Compiled != after.Compiled || before.Crash != after.Crash)
            {
                wrong.Add($"{name}: {before.Compiled} compiled before, {after.Compiled} after; {after.Crash}; "
                    + string.Join("; ", after.Failures.Except(before.Failures).Take(5)));
            }
        });
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong.Order(StringComparer.Ordinal)));
        Assert.True(woven >= inputs.Length / 2, $"only {woven} of {inputs.Length} were woven");
    }
}
