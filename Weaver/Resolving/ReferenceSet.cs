using System.Collections.Concurrent;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace ILPreempt.Weaver.Resolving;

/// <summary>
/// The assemblies that a program's host would trust: the only place where the weaver looks for a reference.
/// </summary>
/// <remarks>
/// No probing. Cecil's own resolver looks into the current folder first, takes any version and runs into a stack
/// overflow on type forwards that point at each other; here a name is in the list or it is unresolved, and a chain
/// of forwards ends after <see cref="MaxForwards"/> hops. An unresolved name is never an error: the caller takes the
/// safe side. Metadata is read through System.Reflection.Metadata, whose readers may be shared, so one set serves
/// all assemblies that are woven in parallel. Thread-safe; dispose after the last weave.
/// </remarks>
public sealed class ReferenceSet : IDisposable
{
    // Real chains are one or two hops (netstandard -> System.Runtime -> System.Private.CoreLib).
    private const int MaxForwards = 16;

    private readonly Dictionary<string, string> _files = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, Lazy<Reference?>> _open = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<(string Assembly, string Type), IReadOnlySet<string>?> _virtuals = new();

    /// <summary>Takes the files as they are; where two have the same simple name the first wins.</summary>
    public ReferenceSet(IEnumerable<string> assemblyFiles)
    {
        ArgumentNullException.ThrowIfNull(assemblyFiles);
        foreach (string file in assemblyFiles)
        {
            _files.TryAdd(Path.GetFileNameWithoutExtension(file), file);
        }
    }

    /// <summary>Closes the files that were opened.</summary>
    public void Dispose()
    {
        foreach (Lazy<Reference?> reference in _open.Values)
        {
            if (reference.IsValueCreated)
            {
                reference.Value?.Dispose();
            }
        }
    }

    /// <summary>Names of all virtual methods a type has or inherits; null if any part of it cannot be found.</summary>
    /// <param name="assembly">Simple name of the assembly the reference names.</param>
    /// <param name="type">Full name, nested types after a slash.</param>
    internal IReadOnlySet<string>? VirtualMethodNames(string assembly, string type)
    {
        if (_virtuals.TryGetValue((assembly, type), out IReadOnlySet<string>? known))
        {
            return known;
        }

        HashSet<string> names = new(StringComparer.Ordinal);
        IReadOnlySet<string>? result = CollectVirtuals(assembly, type, names, 0) ? names : null;
        return _virtuals.GetOrAdd((assembly, type), result);
    }

    /// <summary>
    /// The underlying primitive of an enum, <see cref="PrimitiveTypeCode.Object"/> for any other type, null if the
    /// type cannot be found.
    /// </summary>
    internal PrimitiveTypeCode? EnumUnderlyingType(string assembly, string type)
    {
        if (Find(assembly, type) is not var (reader, handle) || reader is null)
        {
            return null;
        }

        TypeDefinition definition = reader.GetTypeDefinition(handle);
        if (definition.BaseType.IsNil || MetadataNames.FullName(reader, definition.BaseType) != "System.Enum")
        {
            return PrimitiveTypeCode.Object;
        }

        foreach (FieldDefinitionHandle field in definition.GetFields())
        {
            FieldDefinition value = reader.GetFieldDefinition(field);
            if ((value.Attributes & System.Reflection.FieldAttributes.Static) == 0)
            {
                BlobReader signature = reader.GetBlobReader(value.Signature);
                signature.ReadByte();
                return (PrimitiveTypeCode)signature.ReadCompressedInteger();
            }
        }

        return PrimitiveTypeCode.Int32;
    }

    /// <summary>Whether a type is a value type; null if it cannot be found.</summary>
    internal bool? IsValueType(string assembly, string type)
    {
        if (Find(assembly, type) is not var (reader, handle) || reader is null)
        {
            return null;
        }

        TypeDefinition definition = reader.GetTypeDefinition(handle);
        return !definition.BaseType.IsNil && MetadataNames.FullName(reader, definition.BaseType) is "System.ValueType" or "System.Enum";
    }

    private (MetadataReader Reader, TypeDefinitionHandle Type)? Find(string assembly, string type)
    {
        for (int hops = 0; hops < MaxForwards; hops++)
        {
            Reference? reference = Open(assembly);
            if (reference is null)
            {
                return null;
            }

            if (reference.Types.TryGetValue(type, out TypeDefinitionHandle handle))
            {
                return (reference.Reader, handle);
            }

            if (!reference.Forwards.TryGetValue(type, out string? next))
            {
                return null;
            }

            assembly = next;
        }

        return null;
    }

    private bool CollectVirtuals(string assembly, string type, HashSet<string> names, int depth)
    {
        if (depth > 64 || Find(assembly, type) is not var (reader, handle) || reader is null)
        {
            return false;
        }

        TypeDefinition definition = reader.GetTypeDefinition(handle);
        foreach (MethodDefinitionHandle method in definition.GetMethods())
        {
            MethodDefinition candidate = reader.GetMethodDefinition(method);
            if ((candidate.Attributes & System.Reflection.MethodAttributes.Virtual) != 0)
            {
                names.Add(reader.GetString(candidate.Name));
            }
        }

        string home = reader.GetString(reader.GetAssemblyDefinition().Name);
        if (!definition.BaseType.IsNil && !CollectFrom(reader, home, definition.BaseType, names, depth))
        {
            return false;
        }

        foreach (InterfaceImplementationHandle implementation in definition.GetInterfaceImplementations())
        {
            if (!CollectFrom(reader, home, reader.GetInterfaceImplementation(implementation).Interface, names, depth))
            {
                return false;
            }
        }

        return true;
    }

    private bool CollectFrom(MetadataReader reader, string home, EntityHandle type, HashSet<string> names, int depth)
    {
        EntityHandle open = MetadataNames.OpenType(reader, type);
        return !open.IsNil
            && CollectVirtuals(MetadataNames.AssemblyOf(reader, open) ?? home, MetadataNames.FullName(reader, open), names, depth + 1);
    }

    private Reference? Open(string assembly) =>
        _open.GetOrAdd(assembly, name => new Lazy<Reference?>(() => _files.TryGetValue(name, out string? file) ? Reference.TryOpen(file) : null)).Value;

    private sealed class Reference : IDisposable
    {
        private readonly PEReader _image;

        private Reference(PEReader image)
        {
            _image = image;
            Reader = image.GetMetadataReader();
            foreach (TypeDefinitionHandle handle in Reader.TypeDefinitions)
            {
                Types.TryAdd(MetadataNames.FullName(Reader, handle), handle);
            }

            foreach (ExportedTypeHandle handle in Reader.ExportedTypes)
            {
                ExportedType exported = Reader.GetExportedType(handle);
                if (exported.IsForwarder && exported.Implementation.Kind == HandleKind.AssemblyReference)
                {
                    AssemblyReference target = Reader.GetAssemblyReference((AssemblyReferenceHandle)exported.Implementation);
                    Forwards.TryAdd(MetadataNames.Join(Reader, exported.Namespace, exported.Name), Reader.GetString(target.Name));
                }
            }
        }

        public MetadataReader Reader { get; }

        public Dictionary<string, TypeDefinitionHandle> Types { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, string> Forwards { get; } = new(StringComparer.Ordinal);

        public static Reference? TryOpen(string file)
        {
            try
            {
                return new Reference(new PEReader(File.OpenRead(file)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or BadImageFormatException or InvalidOperationException)
            {
                return null;
            }
        }

        public void Dispose() => _image.Dispose();
    }
}
