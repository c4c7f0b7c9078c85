using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using ILPreempt.Weaver.Rules;
using Mono.Cecil;
using Mono.Cecil.Cil;
using ModuleDefinition = Mono.Cecil.ModuleDefinition;

namespace ILPreempt.Weaver.Resolving;

internal enum SymbolKind
{
    None,
    Portable,
    Embedded,
}

/// <summary>The symbols of one assembly: where they are, and how they are read and written back.</summary>
internal sealed record SymbolFiles(SymbolKind Kind, byte[]? Pdb, WeaveNote? Note)
{
    public static SymbolFiles None(WeaveNote? note) => new(SymbolKind.None, null, note);

    /// <summary>Follows the debug directory: embedded, or a file of that name beside the assembly.</summary>
    /// <param name="pe">The assembly.</param>
    /// <param name="folder">Its folder; null if it came from memory.</param>
    /// <param name="given">The pdb, if the caller has it.</param>
    public static SymbolFiles Find(PEReader pe, string? folder, byte[]? given)
    {
        try
        {
            System.Collections.Immutable.ImmutableArray<DebugDirectoryEntry> entries = pe.ReadDebugDirectory();
            if (entries.Any(e => e.Type == DebugDirectoryEntryType.EmbeddedPortablePdb))
            {
                return new SymbolFiles(SymbolKind.Embedded, null, null);
            }

            if (!entries.Any(e => e.Type == DebugDirectoryEntryType.CodeView))
            {
                return given is null ? None(null) : Classify(given);
            }

            if (given is not null)
            {
                return Classify(given);
            }

            string path = pe.ReadCodeViewDebugDirectoryData(entries.First(e => e.Type == DebugDirectoryEntryType.CodeView)).Path;
            string file = path[(path.LastIndexOfAny(['/', '\\']) + 1)..];
            if (folder is null || file.Length == 0 || !File.Exists(Path.Combine(folder, file)))
            {
                return None(new WeaveNote(NoteCodes.PdbMissing, $"{file} is not beside the assembly; woven without symbols."));
            }

            return Classify(File.ReadAllBytes(Path.Combine(folder, file)));
        }
        catch (Exception e) when (e is BadImageFormatException or IOException or UnauthorizedAccessException)
        {
            return None(new WeaveNote(NoteCodes.PdbUnusable, $"Woven without symbols: {e.Message}"));
        }
    }

    /// <summary>Gives the module its symbols.</summary>
    public void Attach(ModuleDefinition module)
    {
        switch (Kind)
        {
            case SymbolKind.Embedded:
                module.ReadSymbols(new EmbeddedPortablePdbReaderProvider().GetSymbolReader(module, module.Name));
                break;
            case SymbolKind.Portable:
                module.ReadSymbols(new PortablePdbReaderProvider().GetSymbolReader(module, new MemoryStream(Pdb!, writable: false)));
                break;
            default:
                break;
        }
    }

    public WriterParameters WriterParameters(Stream pdb) => new()
    {
        DeterministicMvid = true,
        WriteSymbols = Kind != SymbolKind.None,
        SymbolStream = Kind == SymbolKind.Portable ? pdb : null,
        SymbolWriterProvider = Kind switch
        {
            SymbolKind.Portable => new PortablePdbWriterProvider(),
            SymbolKind.Embedded => new EmbeddedToStream(),
            _ => null,
        },
    };

    private static SymbolFiles Classify(byte[] pdb)
    {
        ReadOnlySpan<byte> portable = "BSJB"u8;
        return pdb.AsSpan().StartsWith(portable)
            ? new SymbolFiles(SymbolKind.Portable, pdb, null)
            : None(new WeaveNote(NoteCodes.WindowsPdb, "The symbols are a Windows pdb, which only Windows can write; woven without symbols."));
    }

    // Cecil takes the name for the embedded pdb from the output's file name, which a stream has not.
    private sealed class EmbeddedToStream : ISymbolWriterProvider
    {
        private readonly EmbeddedPortablePdbWriterProvider _provider = new();

        public ISymbolWriter GetSymbolWriter(ModuleDefinition module, string fileName) => _provider.GetSymbolWriter(module, module.Name);

        public ISymbolWriter GetSymbolWriter(ModuleDefinition module, Stream symbolStream) => _provider.GetSymbolWriter(module, symbolStream);
    }
}
