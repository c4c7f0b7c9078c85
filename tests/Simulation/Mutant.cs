using System.Collections.Immutable;
using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace ILPreempt.Simulation;

/// <summary>
/// The same program with a line of the scheduler changed, compiled from the sources that are embedded here. A test that a rule is
/// checked at all: without the rule, the simulation must fail.
/// </summary>
internal static class Mutant
{
    private const string Usings =
        "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Threading; global using System.Threading.Tasks;";

    private static int s_count;

    /// <summary>Compiles it. Each change is a text that must occur in the file exactly once, and what takes its place.</summary>
    internal static Assembly Compile(string file, params (string From, string To)[] changes)
    {
        Assembly self = typeof(Mutant).Assembly;
        CSharpParseOptions options = new(LanguageVersion.Preview);
        List<SyntaxTree> trees = [CSharpSyntaxTree.ParseText(Usings, options)];
        foreach (string name in self.GetManifestResourceNames().Where(static n => n.StartsWith("source/", StringComparison.Ordinal)))
        {
            using StreamReader reader = new(self.GetManifestResourceStream(name)!);
            string text = reader.ReadToEnd();
            if (name == "source/" + file)
            {
                foreach ((string from, string to) in changes)
                {
                    int at = text.IndexOf(from, StringComparison.Ordinal);
                    if (at < 0 || text.IndexOf(from, at + 1, StringComparison.Ordinal) >= 0)
                    {
                        throw new InvalidOperationException($"{file} does not have exactly one: {from}");
                    }

                    text = text[..at] + to + text[(at + from.Length)..];
                }
            }

            trees.Add(CSharpSyntaxTree.ParseText(text, options, name));
        }

        ImmutableArray<MetadataReference> references = [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator)
            .Where(static p => Path.GetFileName(p).StartsWith("System.", StringComparison.Ordinal))
            .Select(static p => MetadataReference.CreateFromFile(p))];
        CSharpCompilation compilation = CSharpCompilation.Create(
            $"Mutant{Interlocked.Increment(ref s_count)}",
            trees,
            references,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Enable));
        using MemoryStream image = new();
        var result = compilation.Emit(image);
        return result.Success
            ? Assembly.Load(image.ToArray())
            : throw new InvalidOperationException(string.Join('\n', result.Diagnostics.Where(static d => d.Severity == DiagnosticSeverity.Error)));
    }

    /// <summary>Runs a trial of it. Returns how it failed, null if it did not.</summary>
    internal static string? Run(Assembly mutant, string workload, int procs, ulong seed, int size)
    {
        const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;
        Type setups = mutant.GetType("ILPreempt.Simulation.TrialSetup")!;
        object setup = Activator.CreateInstance(setups, workload, procs, seed, size)!;
        object result = mutant.GetType("ILPreempt.Simulation.Trial")!.GetMethod("Run", All)!.Invoke(null, [setup])!;
        return (string?)result.GetType().GetProperty("Failure", All)!.GetValue(result);
    }
}
