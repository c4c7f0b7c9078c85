using System.Diagnostics;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.Resolving;
using ILPreempt.Weaver.Rules;
using Mono.Cecil;
using ModuleDefinition = Mono.Cecil.ModuleDefinition;

namespace ILPreempt.Weaver;

/// <summary>Puts stackguard checks into assemblies. Thread-safe: one weaver may work on many inputs in parallel.</summary>
/// <remarks>
/// The output depends on the input's bytes, its symbols, the options and (for virtual calls) the reference set, and
/// on nothing else; two weaves are byte-identical. An assembly that is merely unsuitable is left alone with a code;
/// only a file that is no assembly at all is an error.
/// </remarks>
public sealed class AssemblyWeaver
{
    private readonly WeaverOptions _options;
    private readonly ReferenceSet _references;

    /// <summary>Makes a weaver. The reference set must outlive it.</summary>
    public AssemblyWeaver(WeaverOptions options, ReferenceSet references)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(references);
        _options = options;
        _references = references;
    }

    /// <summary>
    /// Whether the thread pool may help with a big assembly. Not in a guest's own process, whose pool is the guest's.
    /// </summary>
    public bool MayUseThreadPool { get; init; }

    /// <summary>
    /// Weaves a file. The output appears whole or not at all (temporary file and rename), the symbols beside it
    /// first. When the report says LeftAlone nothing was written.
    /// </summary>
    /// <param name="input">The assembly to read; its portable pdb is looked for beside it.</param>
    /// <param name="output">Where the woven assembly goes; the folder must exist.</param>
    /// <param name="isEntryAssembly">Whether the entry point, if there is one, becomes goroutine 1.</param>
    /// <exception cref="WeaveException">The input cannot be read or is no assembly, or the output cannot be written.</exception>
    public WeaveReport WeaveFile(string input, string output, bool isEntryAssembly = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(input);
        ArgumentException.ThrowIfNullOrEmpty(output);
        byte[] image;
        try
        {
            image = File.ReadAllBytes(input);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeaveException($"{input}: cannot be read: {e.Message}", e);
        }

        WovenImage woven = Weave(image, input, folder: Path.GetDirectoryName(Path.GetFullPath(input)), null, isEntryAssembly);
        if (woven.Report.Outcome == WeaveOutcome.LeftAlone)
        {
            return woven.Report;
        }

        try
        {
            if (woven.Symbols is not null)
            {
                WriteAtomically(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(output))!, woven.Report.SymbolFile!), woven.Symbols);
            }

            WriteAtomically(output, woven.Image);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeaveException($"{output}: cannot be written: {e.Message}", e);
        }

        return woven.Report;
    }

    /// <summary>Weaves an image in memory, for assemblies that a program loads from bytes.</summary>
    /// <param name="image">The assembly.</param>
    /// <param name="symbols">Its portable pdb, if there is one.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="WeaveException">The image is no assembly.</exception>
    public WovenImage WeaveImage(byte[] image, byte[]? symbols, string name)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Weave(image, name, null, symbols, false);
    }

    private WovenImage Weave(byte[] image, string name, string? folder, byte[]? symbols, bool isEntryAssembly)
    {
        long start = Stopwatch.GetTimestamp();
        using PEReader pe = Suitability.Open(image, name);
        string assembly = Path.GetFileNameWithoutExtension(name);
        try
        {
            if (Suitability.ReasonToLeaveAlone(pe, out MetadataReader? reader) is { } reason)
            {
                return Alone(reason, reader is { IsAssembly: true } ? reader.GetString(reader.GetAssemblyDefinition().Name) : assembly);
            }

            assembly = reader!.GetString(reader.GetAssemblyDefinition().Name);
            int entryPoint = isEntryAssembly ? Suitability.EntryPointRow(pe) : 0;
            Task<ModuleDefinition>? early = MayUseThreadPool ? EarlyRead.Start(image, Open) : null;
            AssemblyScan scan = new(pe, reader, _references, _options.Redirect);
            WeavingPipeline.Decide(scan, _options);
            if (entryPoint == 0 && !scan.Facts.Any(WeavingPipeline.IsWanted))
            {
                return Alone(new WeaveNote(NoteCodes.NothingToDo, "No loop, no call cycle and no call that would be redirected."), assembly);
            }

            SymbolFiles found = SymbolFiles.Find(pe, folder, symbols);
            return Rewrite(image, early, scan, entryPoint, found, start);
        }
        catch (Exception e) when (e is not (OutOfMemoryException or WeaveException))
        {
            return Alone(new WeaveNote(NoteCodes.RewriteFailed, $"Cannot be rewritten: {e.GetType().Name}: {e.Message}"), assembly);
        }

        WovenImage Alone(WeaveNote note, string simpleName) => new(image, symbols, new WeaveReport
        {
            Assembly = simpleName,
            Outcome = WeaveOutcome.LeftAlone,
            Code = note.Code,
            Notes = [note],
            Milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds,
        });
    }

    private WovenImage Rewrite(byte[] image, Task<ModuleDefinition>? early, AssemblyScan scan, int entryPoint, SymbolFiles symbols, long start)
    {
        try
        {
            return RewriteOnce(image, early?.GetAwaiter().GetResult() ?? Open(image), scan, entryPoint, symbols, start);
        }
        catch (Exception e) when (symbols.Kind != SymbolKind.None && e is not OutOfMemoryException)
        {
            // Symbols are the weakest part of the reader and writer; code without lines beats code without checks.
            SymbolFiles none = SymbolFiles.None(new WeaveNote(NoteCodes.PdbUnusable, $"Woven without symbols: {e.GetType().Name}: {e.Message}"));
            return RewriteOnce(image, Open(image), scan, entryPoint, none, start);
        }
    }

    private ModuleDefinition Open(byte[] image) => ModuleDefinition.ReadModule(new MemoryStream(image, writable: false), new ReaderParameters
    {
        ReadingMode = ReadingMode.Deferred,
        InMemory = true,
        AssemblyResolver = new NoAssemblies(),
        MetadataResolver = new EnumResolver(_references),
    });

    private WovenImage RewriteOnce(byte[] image, ModuleDefinition opened, AssemblyScan scan, int entryPoint, SymbolFiles symbols, long start)
    {
        using ModuleDefinition module = opened;
        symbols.Attach(module);
        WeaveContext context = new(module, scan, _options);
        if (symbols.Note is { } note)
        {
            context.Notes.Add(note);
        }

        ImageFlags.MakePlain(context);
        WeavingPipeline.Run(context, entryPoint);
        foreach (string missing in scan.Hierarchy.Unresolved)
        {
            context.Note(NoteCodes.Unresolved, $"{missing} was not found; every virtual method of what derives from it is taken to be a callback.");
        }

        Marker.Add(module, $"{WeaverOptions.WeaverVersion};{_options.Identity};{Convert.ToHexStringLower(SHA256.HashData(image))}");
        ((EnumResolver)module.MetadataResolver).Learn(module);
        using MemoryStream output = new(image.Length + (image.Length / 8));
        using MemoryStream pdb = new();
        module.Write(output, symbols.WriterParameters(pdb));
        byte[]? pdbBytes = symbols.Kind == SymbolKind.Portable ? pdb.ToArray() : null;
        Counts total = context.Total;
        return new WovenImage(output.ToArray(), pdbBytes, new WeaveReport
        {
            Assembly = module.Assembly.Name.Name,
            Outcome = WeaveOutcome.Woven,
            Methods = scan.Facts.Count(f => (f & MethodFacts.Body) != 0),
            MethodsChanged = total.Methods,
            PrologueChecks = total.Prologues,
            LoopChecks = total.Loops,
            StripMinedLoopChecks = total.StripMined,
            Redirects = total.Redirects,
            NoPreemptRegions = total.NoPreempt,
            Notes = context.Notes,
            SymbolFile = pdbBytes is null ? null : module.Assembly.Name.Name + ".pdb",
            Milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds,
        });
    }

    private static void WriteAtomically(string path, byte[] bytes)
    {
        string temporary = $"{path}.{Environment.ProcessId}.{Guid.NewGuid():N}.tmp";
        try
        {
            File.WriteAllBytes(temporary, bytes);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
