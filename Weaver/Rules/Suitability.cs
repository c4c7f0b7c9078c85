using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace ILPreempt.Weaver.Rules;

/// <summary>Whether an input can and should be woven, decided from its headers.</summary>
internal static class Suitability
{
    private static readonly HashSet<string> s_foundation = new(StringComparer.Ordinal)
    {
        "System.Private.CoreLib", "ILPreempt.Runtime", "ILPreempt.Weaver", "ILPreempt.Diagnostics", "ilpreempt",
    };

    /// <summary>Opens an image whose sections are all there.</summary>
    /// <exception cref="WeaveException">It is no PE file or is cut short.</exception>
    public static PEReader Open(byte[] image, string name)
    {
        PEReader pe = new(System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(image));
        try
        {
            foreach (SectionHeader section in pe.PEHeaders.SectionHeaders)
            {
                if ((long)section.PointerToRawData + section.SizeOfRawData > image.Length)
                {
                    throw new WeaveException($"{name}: is cut short; section {section.Name} ends behind the end of the file. Copy or build it again.");
                }
            }

            if (pe.HasMetadata)
            {
                pe.GetMetadataReader();
            }

            return pe;
        }
        catch (Exception e) when (e is BadImageFormatException or ArithmeticException or ArgumentException or InvalidOperationException or IOException)
        {
            pe.Dispose();
            throw new WeaveException($"{name}: is no valid PE file ({e.Message.TrimEnd('.')}). Give a .NET assembly.", e);
        }
        catch (WeaveException)
        {
            pe.Dispose();
            throw;
        }
    }

    /// <summary>The coded reason not to weave, or null.</summary>
    public static WeaveNote? ReasonToLeaveAlone(PEReader pe, out MetadataReader? reader)
    {
        reader = null;
        if (pe.PEHeaders.CorHeader is not { } header || !pe.HasMetadata)
        {
            return new WeaveNote(NoteCodes.NotManaged, "The image has no managed code.");
        }

        reader = pe.GetMetadataReader();
        if (!reader.IsAssembly || HasFurtherModules(reader))
        {
            return new WeaveNote(NoteCodes.MultiModule, "Modules of multi-file assemblies are not woven.");
        }

        bool isMixed = (header.Flags & CorFlags.ILOnly) == 0 || (header.Flags & CorFlags.NativeEntryPoint) != 0;
        if (isMixed && !IsReadyToRun(pe, header))
        {
            return new WeaveNote(NoteCodes.MixedMode, "The image mixes managed and native code.");
        }

        string name = reader.GetString(reader.GetAssemblyDefinition().Name);
        if (s_foundation.Contains(name))
        {
            return new WeaveNote(NoteCodes.Foundation, "The scheduler itself stands on this assembly.");
        }

        MetadataReader metadata = reader;
        foreach (CustomAttributeHandle attribute in reader.GetAssemblyDefinition().GetCustomAttributes())
        {
            switch (OptOuts.TypeOf(metadata, attribute))
            {
                case "ILPreempt.Runtime.DoNotWeaveAttribute":
                    return new WeaveNote(NoteCodes.AssemblyOptedOut, "The assembly opted out by attribute.");
                case "System.Runtime.CompilerServices.ReferenceAssemblyAttribute":
                    return new WeaveNote(NoteCodes.ReferenceAssembly, "Reference assemblies have no code.");
                case "System.Reflection.AssemblyMetadataAttribute" when Marker.Read(metadata, attribute) is { } woven:
                    return new WeaveNote(NoteCodes.AlreadyWoven, $"Already woven by {woven}.");
                default:
                    break;
            }
        }

        return null;
    }

    /// <summary>Row of the entry point's method definition; 0 if there is none.</summary>
    public static int EntryPointRow(PEReader pe)
    {
        int token = pe.PEHeaders.CorHeader!.EntryPointTokenOrRelativeVirtualAddress;
        return (token >> 24) == 0x06 ? token & 0xFFFFFF : 0;
    }

    private static bool HasFurtherModules(MetadataReader reader) =>
        reader.AssemblyFiles.Any(file => reader.GetAssemblyFile(file).ContainsMetadata);

    // The managed native header of a ReadyToRun image starts with "RTR".
    private static bool IsReadyToRun(PEReader pe, CorHeader header)
    {
        DirectoryEntry directory = header.ManagedNativeHeaderDirectory;
        if (directory.Size < 4)
        {
            return false;
        }

        BlobReader blob = pe.GetSectionData(directory.RelativeVirtualAddress).GetReader(0, 4);
        return blob.ReadUInt32() == 0x00525452;
    }
}
