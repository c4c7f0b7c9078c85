using ILPreempt.Weaver.Analysis;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver;

/// <summary>What the passes of one weave share: the module, what the scan learnt, and the counters of the report.</summary>
internal sealed class WeaveContext(ModuleDefinition module, AssemblyScan scan, WeaverOptions options)
{
    public ModuleDefinition Module { get; } = module;

    public AssemblyScan Scan { get; } = scan;

    public WeaverOptions Options { get; } = options;

    public RuntimeReferences Runtime { get; } = new(module);

    public List<WeaveNote> Notes { get; } = [];

    /// <summary>Counts of the method in work; added to <see cref="Total"/> when its edits are applied.</summary>
    public Counts Current { get; set; }

    public Counts Total { get; set; }

    public void Note(string code, string text, MethodReference? method = null)
    {
        SequencePoint? place = method is MethodDefinition definition ? FirstLine(definition) : null;
        Notes.Add(new WeaveNote(code, text, method?.FullName) { File = place?.Document.Url, Line = place?.StartLine ?? 0, Column = place?.StartColumn ?? 0 });
    }

    // Asked of the reader itself: the property of the method would decode its body, which may be what the note is about.
    private SequencePoint? FirstLine(MethodDefinition method)
    {
        try
        {
            return Module.SymbolReader?.Read(method).SequencePoints.FirstOrDefault(point => !point.IsHidden);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return null;
        }
    }
}

/// <summary>The report's counters.</summary>
internal readonly record struct Counts(int Methods, int Prologues, int Loops, int StripMined, int Redirects, int NoPreempt)
{
    public static Counts operator +(Counts a, Counts b) => new(
        a.Methods + b.Methods, a.Prologues + b.Prologues, a.Loops + b.Loops, a.StripMined + b.StripMined, a.Redirects + b.Redirects, a.NoPreempt + b.NoPreempt);
}
