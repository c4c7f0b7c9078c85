using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using ILPreempt.Weaver.Resolving;

namespace ILPreempt.Weaver.Analysis;

/// <summary>
/// Which methods a virtual call of this assembly can reach, and which ones foreign code can reach through a
/// virtual method or interface of its own.
/// </summary>
/// <remarks>
/// Overrides are matched by name and number of parameters: signatures of generic bases differ textually, and one
/// override too many only costs a check. Each overridable method has a dispatch node in the call graph.
/// </remarks>
internal sealed class TypeHierarchy
{
    private readonly MetadataReader _reader;
    private readonly ReferenceSet _references;
    private readonly int _methodCount;
    private readonly Virtual[][] _virtuals;
    private readonly Dictionary<string, int> _nameIds = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];
    private readonly Dictionary<(int Type, string Name), List<MethodDefinitionHandle>> _byName = [];
    private readonly bool[] _indexed;

    public TypeHierarchy(MetadataReader reader, ReferenceSet references)
    {
        _reader = reader;
        _references = references;
        _methodCount = reader.MethodDefinitions.Count;
        _virtuals = new Virtual[reader.TypeDefinitions.Count + 1][];
        _indexed = new bool[reader.TypeDefinitions.Count + 1];
        foreach (TypeDefinitionHandle type in reader.TypeDefinitions)
        {
            _virtuals[MetadataTokens.GetRowNumber(type)] = ReadVirtuals(type);
        }
    }

    /// <summary>Types of other assemblies that could not be found; their virtual methods are taken to be all.</summary>
    public SortedSet<string> Unresolved { get; } = new(StringComparer.Ordinal);

    public int DispatchNode(int method) => _methodCount + method;

    public bool IsOverridable(int method)
    {
        MethodAttributes attributes = _reader.GetMethodDefinition(MetadataTokens.MethodDefinitionHandle(method)).Attributes;
        return (attributes & (MethodAttributes.Virtual | MethodAttributes.Final)) == MethodAttributes.Virtual;
    }

    /// <summary>The method of a generic type of this assembly that a member reference to an instantiation names.</summary>
    public MethodDefinitionHandle FindMethod(TypeDefinitionHandle type, MemberReference member)
    {
        int row = MetadataTokens.GetRowNumber(type);
        if (!_indexed[row])
        {
            _indexed[row] = true;
            foreach (MethodDefinitionHandle method in _reader.GetTypeDefinition(type).GetMethods())
            {
                (int, string) key = (row, _reader.GetString(_reader.GetMethodDefinition(method).Name));
                if (!_byName.TryGetValue(key, out List<MethodDefinitionHandle>? sameName))
                {
                    _byName.Add(key, sameName = []);
                }

                sameName.Add(method);
            }
        }

        if (!_byName.TryGetValue((row, _reader.GetString(member.Name)), out List<MethodDefinitionHandle>? candidates))
        {
            return default;
        }

        foreach (MethodDefinitionHandle candidate in candidates)
        {
            BlobHandle signature = _reader.GetMethodDefinition(candidate).Signature;
            if (_reader.GetBlobReader(signature) is var a && _reader.GetBlobReader(member.Signature) is var b && SameBytes(a, b))
            {
                return candidate;
            }
        }

        return candidates.Count == 1 ? candidates[0] : default;
    }

    /// <summary>Adds the edges from dispatch nodes to overrides, and what foreign code can call.</summary>
    public void AddEdges(CallGraph graph)
    {
        foreach (TypeDefinitionHandle handle in _reader.TypeDefinitions)
        {
            TypeDefinition type = _reader.GetTypeDefinition(handle);
            int row = MetadataTokens.GetRowNumber(handle);
            foreach (Virtual method in _virtuals[row])
            {
                graph.AddEdge(DispatchNode(method.Row), method.Row);
            }

            AddOverrides(graph, handle);
            AddExplicitImplementations(graph, type);
            if ((type.Attributes & TypeAttributes.Interface) == 0)
            {
                AddInterfaces(graph, handle);
            }
        }
    }

    private static unsafe bool SameBytes(BlobReader a, BlobReader b) =>
        new ReadOnlySpan<byte>(a.StartPointer, a.Length).SequenceEqual(new ReadOnlySpan<byte>(b.StartPointer, b.Length));

    private Virtual[] ReadVirtuals(TypeDefinitionHandle type)
    {
        List<Virtual>? found = null;
        foreach (MethodDefinitionHandle handle in _reader.GetTypeDefinition(type).GetMethods())
        {
            MethodDefinition method = _reader.GetMethodDefinition(handle);
            if ((method.Attributes & MethodAttributes.Virtual) == 0)
            {
                continue;
            }

            string name = _reader.GetString(method.Name);
            int dot = name.LastIndexOf('.');
            name = dot > 0 ? name[(dot + 1)..] : name;
            if (!_nameIds.TryGetValue(name, out int id))
            {
                id = _names.Count;
                _nameIds.Add(name, id);
                _names.Add(name);
            }

            BlobReader signature = _reader.GetBlobReader(method.Signature);
            if (signature.ReadSignatureHeader().IsGeneric)
            {
                signature.ReadCompressedInteger();
            }

            (found ??= []).Add(new Virtual(MetadataTokens.GetRowNumber(handle), id, signature.ReadCompressedInteger()));
        }

        return found?.ToArray() ?? [];
    }

    private void AddOverrides(CallGraph graph, TypeDefinitionHandle handle)
    {
        Virtual[] own = _virtuals[MetadataTokens.GetRowNumber(handle)];
        if (own.Length == 0)
        {
            return;
        }

        EntityHandle ancestor = Base(handle);
        for (int depth = 0; ancestor.Kind == HandleKind.TypeDefinition && !ancestor.IsNil && depth < 100; depth++)
        {
            foreach (Virtual above in _virtuals[MetadataTokens.GetRowNumber(ancestor)])
            {
                foreach (Virtual method in own)
                {
                    if (method.Matches(above))
                    {
                        graph.AddEdge(DispatchNode(above.Row), method.Row);
                    }
                }
            }

            ancestor = Base((TypeDefinitionHandle)ancestor);
        }

        if (!ancestor.IsNil && ancestor.Kind == HandleKind.TypeReference)
        {
            AddForeign(graph, own, (TypeReferenceHandle)ancestor);
        }
    }

    private void AddExplicitImplementations(CallGraph graph, TypeDefinition type)
    {
        foreach (MethodImplementationHandle handle in type.GetMethodImplementations())
        {
            MethodImplementation implementation = _reader.GetMethodImplementation(handle);
            if (implementation.MethodBody.Kind != HandleKind.MethodDefinition)
            {
                continue;
            }

            int body = MetadataTokens.GetRowNumber(implementation.MethodBody);
            MethodDefinitionHandle declaration = default;
            if (implementation.MethodDeclaration.Kind == HandleKind.MethodDefinition)
            {
                declaration = (MethodDefinitionHandle)implementation.MethodDeclaration;
            }
            else
            {
                MemberReference member = _reader.GetMemberReference((MemberReferenceHandle)implementation.MethodDeclaration);
                EntityHandle open = MetadataNames.OpenType(_reader, member.Parent);
                if (open.Kind == HandleKind.TypeDefinition && !open.IsNil)
                {
                    declaration = FindMethod((TypeDefinitionHandle)open, member);
                }
            }

            if (declaration.IsNil)
            {
                graph.AddForeignCallable(DispatchNode(body));
                graph.AddEdge(DispatchNode(body), body);
            }
            else
            {
                graph.AddEdge(DispatchNode(MetadataTokens.GetRowNumber(declaration)), body);
            }
        }
    }

    // A class implements an interface with its own methods or with inherited ones.
    private void AddInterfaces(CallGraph graph, TypeDefinitionHandle handle)
    {
        HashSet<EntityHandle> interfaces = [];
        CollectInterfaces(handle, interfaces, 0);
        if (interfaces.Count == 0)
        {
            return;
        }

        EntityHandle type = handle;
        for (int depth = 0; type.Kind == HandleKind.TypeDefinition && !type.IsNil && depth < 100; depth++)
        {
            Virtual[] own = _virtuals[MetadataTokens.GetRowNumber(type)];
            foreach (EntityHandle contract in own.Length == 0 ? [] : interfaces)
            {
                if (contract.Kind == HandleKind.TypeReference)
                {
                    AddForeign(graph, own, (TypeReferenceHandle)contract);
                    continue;
                }

                foreach (Virtual above in _virtuals[MetadataTokens.GetRowNumber(contract)])
                {
                    foreach (Virtual method in own)
                    {
                        if (method.Matches(above))
                        {
                            graph.AddEdge(DispatchNode(above.Row), method.Row);
                        }
                    }
                }
            }

            type = Base((TypeDefinitionHandle)type);
        }
    }

    private void CollectInterfaces(TypeDefinitionHandle handle, HashSet<EntityHandle> found, int depth)
    {
        TypeDefinition type = _reader.GetTypeDefinition(handle);
        foreach (InterfaceImplementationHandle implementation in type.GetInterfaceImplementations())
        {
            EntityHandle open = MetadataNames.OpenType(_reader, _reader.GetInterfaceImplementation(implementation).Interface);
            if (!open.IsNil && found.Add(open) && open.Kind == HandleKind.TypeDefinition && depth < 100)
            {
                CollectInterfaces((TypeDefinitionHandle)open, found, depth + 1);
            }
        }
    }

    private void AddForeign(CallGraph graph, Virtual[] own, TypeReferenceHandle type)
    {
        string? assembly = MetadataNames.AssemblyOf(_reader, type);
        string name = MetadataNames.FullName(_reader, type);
        IReadOnlySet<string>? known = assembly is null ? null : _references.VirtualMethodNames(assembly, name);
        if (known is null)
        {
            Unresolved.Add($"{name} of {assembly}");
        }

        foreach (Virtual method in own)
        {
            if (known is null || known.Contains(_names[method.Name]))
            {
                graph.AddForeignCallable(DispatchNode(method.Row));
            }
        }
    }

    private EntityHandle Base(TypeDefinitionHandle type)
    {
        EntityHandle handle = _reader.GetTypeDefinition(type).BaseType;
        return handle.IsNil ? handle : MetadataNames.OpenType(_reader, handle);
    }

    private readonly record struct Virtual(int Row, int Name, int Parameters)
    {
        public bool Matches(Virtual other) => Name == other.Name && Parameters == other.Parameters;
    }
}
