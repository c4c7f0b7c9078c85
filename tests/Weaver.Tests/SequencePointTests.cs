using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using ILPreempt.TestUtils;
using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.Resolving;
using Microsoft.CodeAnalysis;
using Mono.Cecil;
using Mono.Cecil.Cil;
using MethodDefinition = Mono.Cecil.MethodDefinition;
using ModuleDefinition = Mono.Cecil.ModuleDefinition;
using SequencePoint = Mono.Cecil.Cil.SequencePoint;

namespace ILPreempt.Weaver.Tests;

/// <summary>Lines: whatever is put into a method, each of its own instructions keeps the statement it belonged to.</summary>
public sealed class SequencePointTests
{
    public static TheoryData<string> Assemblies => [.. WithSymbols().Select(f => Path.GetRelativePath(Repo.Root, f))];

    [Theory]
    [InlineData(OptimizationLevel.Release)]
    [InlineData(OptimizationLevel.Debug)]
    public void Samples_Woven_KeepTheLineOfEveryInstruction(OptimizationLevel level)
    {
        foreach (object[] sample in ProgramTests.Samples)
        {
            (byte[] image, byte[] symbols) = StandIn.Compile(ProgramTests.Source((string)sample[1]), level: level);
            AssertLinesKept((string)sample[0], image, symbols);
        }
    }

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Assembly_Woven_KeepsTheLineOfEveryInstruction(string assembly)
    {
        string file = Path.Combine(Repo.Root, assembly);
        string pdb = Path.ChangeExtension(file, ".pdb");
        int changed = AssertLinesKept(assembly, File.ReadAllBytes(file), File.Exists(pdb) ? File.ReadAllBytes(pdb) : null);
        Assert.True(changed > 0, "no method was changed");
    }

    // Packages of the corpus with embedded symbols, and what is built here with a pdb beside it: C#, F# and VB.
    private static IEnumerable<string> WithSymbols()
    {
        string corpus = Path.Combine(Repo.Root, "tests", "Corpus", "bin", Repo.Configuration, "net10.0");
        IEnumerable<string> own = ["ILPreempt.TestUtils.dll", "ILPreempt.Weaver.Tests.dll"];
        return Directory.GetFiles(corpus, "*.dll").Where(f => new FileInfo(f).Length < 450_000 && HasEmbeddedSymbols(f)).Order(StringComparer.Ordinal)
            .Concat(own.Select(f => Path.Combine(AppContext.BaseDirectory, f)))
            .Concat([Repo.TestApp("FSharpApp"), Repo.TestApp("VbApp"), Repo.TestApp("Tasks")]);
    }

    private static bool HasEmbeddedSymbols(string file)
    {
        using PEReader pe = new(File.OpenRead(file));
        return pe.HasMetadata && pe.ReadDebugDirectory().Any(e => e.Type == DebugDirectoryEntryType.EmbeddedPortablePdb);
    }

    // Once in memory, where the original instructions are still the same objects; once as written.
    private static int AssertLinesKept(string name, byte[] image, byte[]? symbols)
    {
        using PEReader pe = new([.. image]);
        AssemblyScan scan = new(pe, pe.GetMetadataReader(), StandIn.References, redirect: true);
        WeavingPipeline.Decide(scan, new WeaverOptions());
        using ModuleDefinition module = Read(image, symbols);
        WeaveContext context = new(module, scan, new WeaverOptions());
        Dictionary<MethodDefinition, List<string>> points = [];
        Dictionary<Instruction, string> lines = [];
        foreach (MethodDefinition method in Bodies(module))
        {
            points.Add(method, [.. method.DebugInformation.SequencePoints.Select(Text)]);
            foreach ((Instruction instruction, string line) in Lines(method))
            {
                lines.Add(instruction, line);
            }
        }

        WeavingPipeline.Run(context, entryPoint: 0);
        foreach (MethodDefinition method in points.Keys)
        {
            foreach ((Instruction instruction, string line) in Lines(method))
            {
                Assert.True(!lines.TryGetValue(instruction, out string? old) || old == line, $"{name}, {method}, {instruction}: was {old}, is {line}");
            }
        }

        WovenImage woven = StandIn.Weaver().WeaveImage(image, symbols, name);
        Assert.Equal(WeaveOutcome.Woven, woven.Report.Outcome);
        using ModuleDefinition written = Read(woven.Image, woven.Symbols);
        Dictionary<string, MethodDefinition> byName = written.GetTypes().SelectMany(t => t.Methods).DistinctBy(m => m.FullName).ToDictionary(m => m.FullName);
        foreach ((MethodDefinition method, List<string> before) in points.DistinctBy(p => p.Key.FullName))
        {
            MethodDefinition twin = byName[method.FullName];
            List<string> after = [.. twin.DebugInformation.SequencePoints.OrderBy(p => p.Offset).Select(Text)];
            Assert.True(before.ToHashSet().SetEquals(after), $"{name}, {method}: other statements");
            Assert.True(IsSubsequence(before, after), $"{name}, {method}: statements in another order");
            Assert.True(before.Count == 0 || twin.DebugInformation.SequencePoints.Min(p => p.Offset) <= method.DebugInformation.SequencePoints.Min(p => p.Offset), $"{name}, {method}: begins without a line");
        }

        return woven.Report.MethodsChanged;
    }

    private static ModuleDefinition Read(byte[] image, byte[]? symbols)
    {
        using PEReader pe = new([.. image]);
        ModuleDefinition module = ModuleDefinition.ReadModule(new MemoryStream(image), new ReaderParameters
        {
            AssemblyResolver = new NoAssemblies(),
            MetadataResolver = new EnumResolver(StandIn.References),
        });
        SymbolFiles found = SymbolFiles.Find(pe, null, symbols);
        Assert.NotEqual(Resolving.SymbolKind.None, found.Kind);
        found.Attach(module);
        return module;
    }

    private static IEnumerable<MethodDefinition> Bodies(ModuleDefinition module) =>
        module.GetTypes().SelectMany(t => t.Methods).Where(m => m.HasBody && m.Body.Instructions.Count > 0 && m.DebugInformation.HasSequencePoints);

    // The point that a trace through each instruction would show: the last one at or before it.
    private static IEnumerable<(Instruction Instruction, string Line)> Lines(MethodDefinition method)
    {
        Dictionary<int, string> at = [];
        foreach (SequencePoint point in method.DebugInformation.SequencePoints)
        {
            at[point.Offset] = Text(point);
        }

        string? line = null;
        foreach (Instruction instruction in method.Body.Instructions)
        {
            line = at.GetValueOrDefault(instruction.Offset, line!);
            if (line is not null)
            {
                yield return (instruction, line);
            }
        }
    }

    private static string Text(SequencePoint point) =>
        $"{point.Document.Url}({point.StartLine},{point.StartColumn},{point.EndLine},{point.EndColumn})";

    private static bool IsSubsequence(List<string> part, List<string> whole)
    {
        int matched = 0;
        foreach (string line in whole)
        {
            matched += matched < part.Count && part[matched] == line ? 1 : 0;
        }

        return matched == part.Count;
    }
}
