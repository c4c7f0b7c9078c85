using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Symbols;

/// <summary>
/// Source lines from portable pdbs, beside the assembly or inside it. The weaver rewrites the pdb with the assembly, so a line of woven
/// code is the line that the programmer wrote. Not thread-safe.
/// </summary>
internal sealed class SourceLines : IDisposable
{
    private readonly Dictionary<string, (MetadataReaderProvider? Provider, MetadataReader? Reader)> _symbols = [];

    /// <summary>The file and the line of <paramref name="instruction"/> in <paramref name="method"/>; null without symbols.</summary>
    /// <param name="method">The method of the frame.</param>
    /// <param name="instruction">Where the frame is.</param>
    /// <param name="isReturnAddress">True for all frames but the innermost: the call is before that instruction.</param>
    public (string File, int Line)? Find(ClrMethod method, ulong instruction, bool isReturnAddress)
    {
        string? path = method.Type?.Module?.Name;
        int il = path == null ? -1 : method.GetILOffset(isReturnAddress ? instruction - 1 : instruction);
        if (il < 0 || Symbols(path!) is not MetadataReader reader)
        {
            return null;
        }

        try
        {
            MethodDebugInformationHandle handle = ((MethodDefinitionHandle)MetadataTokens.Handle(method.MetadataToken)).ToDebugInformationHandle();
            MethodDebugInformation information = reader.GetMethodDebugInformation(handle);
            SequencePoint found = default;
            foreach (SequencePoint point in information.GetSequencePoints())
            {
                if (point.Offset > il)
                {
                    break;
                }

                found = point.IsHidden ? found : point;
            }

            return found.Document.IsNil ? null : (reader.GetString(reader.GetDocument(found.Document).Name), found.StartLine);
        }
        catch (Exception e) when (e is BadImageFormatException or ArgumentException or InvalidCastException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        foreach ((MetadataReaderProvider? provider, _) in _symbols.Values)
        {
            provider?.Dispose();
        }
    }

    private MetadataReader? Symbols(string path)
    {
        if (!_symbols.TryGetValue(path, out (MetadataReaderProvider? Provider, MetadataReader? Reader) symbols))
        {
            _symbols[path] = symbols = Open(path);
        }

        return symbols.Reader;
    }

    private static (MetadataReaderProvider? Provider, MetadataReader? Reader) Open(string path)
    {
        try
        {
            using PEReader image = new(File.OpenRead(path));
            return image.TryOpenAssociatedPortablePdb(path, static pdb => File.Exists(pdb) ? File.OpenRead(pdb) : null, out MetadataReaderProvider? provider, out _)
                ? (provider, provider!.GetMetadataReader())
                : default;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or BadImageFormatException)
        {
            return default;
        }
    }
}
