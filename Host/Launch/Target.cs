using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace ILPreempt.Host.Launch;

/// <summary>
/// Looks at the file the user named before anything is built from it, and says in one line what to do instead when it is not a
/// framework-dependent managed program. Only done when the mirror is (re)built: a target that has run before is known to be good.
/// </summary>
internal static class Target
{
    // The bundle marker of an apphost: 8 bytes of header offset (zero = not a bundle) and then this signature.
    private static ReadOnlySpan<byte> BundleSignature =>
    [
        0x8b, 0x12, 0x02, 0xb9, 0x6a, 0x61, 0x20, 0x38, 0x72, 0x7b, 0x93, 0x02, 0x14, 0xd7, 0xa0, 0x32,
        0x13, 0xf5, 0xb9, 0xe6, 0xef, 0xae, 0x33, 0x18, 0xee, 0x3b, 0x2d, 0xce, 0x24, 0xb3, 0x6a, 0xae,
    ];

    /// <summary>Throws a <see cref="UserException"/> unless <paramref name="guest"/> can be hosted.</summary>
    public static void Inspect(Guest guest)
    {
        string app = guest.App;
        byte[] image;
        try
        {
            image = File.ReadAllBytes(app);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.NoInput, $"{app}: cannot be read: {e.Message}");
        }

        if (image.AsSpan().StartsWith("\u007fELF"u8))
        {
            throw NativeExecutable(app, image);
        }

        if (!image.AsSpan().StartsWith("MZ"u8))
        {
            throw new UserException(ExitCode.Data, $"{app}: is not a .NET assembly (not a PE file); give the program's .dll or its project folder.");
        }

        try
        {
            InspectManaged(app, image);
        }
        catch (Exception e) when (e is BadImageFormatException or ArgumentOutOfRangeException or OverflowException or InvalidOperationException)
        {
            throw new UserException(ExitCode.Data, $"{app}: is damaged or truncated; build it again.");
        }

        InspectRuntimeConfig(app, guest.RuntimeConfig);
    }

    private static void InspectManaged(string app, byte[] image)
    {
        using PEReader pe = new(new MemoryStream(image, writable: false));
        if (!pe.HasMetadata)
        {
            throw new UserException(ExitCode.Data, $"{app}: is a native library, not a .NET assembly; give the program's .dll.");
        }

        foreach (SectionHeader section in pe.PEHeaders.SectionHeaders)
        {
            if ((long)section.PointerToRawData + section.SizeOfRawData > image.Length)
            {
                throw new BadImageFormatException();
            }
        }

        CorHeader cor = pe.PEHeaders.CorHeader!;
        bool isReadyToRun = cor.ManagedNativeHeaderDirectory.Size > 0;
        if ((cor.Flags & CorFlags.ILOnly) == 0 && !isReadyToRun)
        {
            throw new UserException(ExitCode.Data, $"{app}: is a mixed-mode (C++/CLI) assembly, which only Windows can run; host a program that uses it instead.");
        }

        MetadataReader metadata = pe.GetMetadataReader();
        if (TargetFramework(metadata) is { } framework && framework.StartsWith(".NETFramework", StringComparison.Ordinal))
        {
            throw new UserException(ExitCode.Data, $"{app}: is a .NET Framework program; retarget its project to net10.0 and give the new .dll.");
        }

        if (cor.EntryPointTokenOrRelativeVirtualAddress == 0)
        {
            throw new UserException(ExitCode.Data, $"{app}: is a library without an entry point; give the .dll of the program that uses it.");
        }
    }

    private static string? TargetFramework(MetadataReader metadata)
    {
        foreach (CustomAttributeHandle handle in metadata.GetAssemblyDefinition().GetCustomAttributes())
        {
            CustomAttribute attribute = metadata.GetCustomAttribute(handle);
            if (attribute.Constructor.Kind == HandleKind.MemberReference
                && metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent is { Kind: HandleKind.TypeReference } parent
                && metadata.StringComparer.Equals(metadata.GetTypeReference((TypeReferenceHandle)parent).Name, "TargetFrameworkAttribute"))
            {
                BlobReader value = metadata.GetBlobReader(attribute.Value);
                return value.ReadUInt16() == 1 ? value.ReadSerializedString() : null;
            }
        }

        return null;
    }

    private static void InspectRuntimeConfig(string app, string config)
    {
        if (!File.Exists(config))
        {
            throw new UserException(ExitCode.NoInput, $"{config}: is missing; give the .dll in the program's build or publish folder, where this file lies beside it.");
        }

        if (!RuntimeConfig.NamesFramework(config))
        {
            throw new UserException(ExitCode.Data, $"{app}: is published self-contained; publish it with --no-self-contained, or give the .dll in its build folder.");
        }
    }

    private static UserException NativeExecutable(string app, byte[] image)
    {
        int at = image.AsSpan().IndexOf(BundleSignature);
        if (at >= 8)
        {
            if (BitConverter.ToInt64(image, at - 8) != 0)
            {
                return new UserException(ExitCode.Data, $"{app}: is a single-file program; publish it with -p:PublishSingleFile=false and give its .dll.");
            }

            string sibling = app + ".dll";
            return new UserException(ExitCode.Data, File.Exists(sibling)
                ? $"{app}: is the program's native launcher; run {sibling} instead."
                : $"{app}: is a native launcher whose .dll is not beside it; give the program's .dll.");
        }

        return image.AsSpan().IndexOf("__managedcode"u8) >= 0
            ? new UserException(ExitCode.Data, $"{app}: is compiled with NativeAOT and holds no IL; publish it with -p:PublishAot=false and give its .dll.")
            : new UserException(ExitCode.Data, $"{app}: is a native ELF file, not a .NET assembly; give the program's .dll.");
    }
}
