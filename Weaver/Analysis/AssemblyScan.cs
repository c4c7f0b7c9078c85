using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using ILPreempt.Weaver.Resolving;
using ILPreempt.Weaver.Rules;

namespace ILPreempt.Weaver.Analysis;

/// <summary>
/// Reads every body of an assembly once, as bytes, and collects per method what the passes and the call graph need.
/// </summary>
/// <remarks>
/// Cecil copies a body raw as long as nobody asked for it, so what this scan rules out costs next to nothing and
/// comes out bit for bit as it was. Methods are addressed by row number (1..n) throughout.
/// </remarks>
internal sealed class AssemblyScan
{
    private readonly MetadataReader _reader;
    private readonly PEReader _image;
    private readonly ReferenceSet _references;
    private readonly CallbackSignature _signatures;

    // By row, for tokens of methods, members and instantiations. Not a dictionary: the JIT would have to compile one for
    // this struct before the first method is scanned.
    private readonly CallTarget?[] _methods;
    private readonly CallTarget?[] _members;
    private readonly CallTarget?[] _specifications;
    private readonly HashSet<string> _unresolved = new(StringComparer.Ordinal);

    public AssemblyScan(PEReader image, MetadataReader reader, ReferenceSet references, bool redirect)
    {
        _image = image;
        _reader = reader;
        _references = references;
        _signatures = new CallbackSignature(references);
        MethodCount = reader.MethodDefinitions.Count;
        _methods = new CallTarget?[MethodCount + 1];
        _members = new CallTarget?[reader.GetTableRowCount(TableIndex.MemberRef) + 1];
        _specifications = new CallTarget?[reader.GetTableRowCount(TableIndex.MethodSpec) + 1];
        Facts = new MethodFacts[MethodCount + 1];
        Cost = new int[MethodCount + 1];
        Hierarchy = new TypeHierarchy(reader, references);
        Graph = new CallGraph(MethodCount);
        OptOuts optOuts = new(reader);
        for (int row = 1; row <= MethodCount; row++)
        {
            Scan(row, optOuts, redirect);
        }

        Graph.EndMethod(MethodCount + 1);
        BoundCosts();
    }

    public int MethodCount { get; }

    public MethodFacts[] Facts { get; }

    /// <summary>Upper bound of one call in IL instructions, -1 if there is none.</summary>
    public int[] Cost { get; }

    public TypeHierarchy Hierarchy { get; }

    public CallGraph Graph { get; }

    /// <summary>Assemblies and types that were not in the reference set.</summary>
    public IEnumerable<string> Unresolved => _unresolved.Order(StringComparer.Ordinal);

    private void Scan(int row, OptOuts optOuts, bool redirect)
    {
        Graph.BeginMethod(row);
        MethodDefinitionHandle handle = MetadataTokens.MethodDefinitionHandle(row);
        MethodDefinition method = _reader.GetMethodDefinition(handle);
        Cost[row] = -1;
        if (method.RelativeVirtualAddress == 0 || (method.ImplAttributes & MethodImplAttributes.CodeTypeMask) != MethodImplAttributes.IL)
        {
            return;
        }

        MethodFacts facts = MethodFacts.Body;
        if (optOuts.IsOptedOut(handle, method))
        {
            facts |= MethodFacts.OptedOut;
        }

        if (optOuts.IsUnmanagedEntry(handle) || IsClassConstructor(method))
        {
            facts |= MethodFacts.NoStop;
        }

        MethodBodyBlock body;
        try
        {
            body = _image.GetMethodBody(method.RelativeVirtualAddress);
        }
        catch (BadImageFormatException)
        {
            Facts[row] = facts | MethodFacts.Unreadable;
            return;
        }

        foreach (ExceptionRegion region in body.ExceptionRegions)
        {
            if (region.Kind == ExceptionRegionKind.Filter)
            {
                facts |= MethodFacts.Filter;
            }
        }

        facts |= Walk(row, body, redirect);
        if ((facts & (MethodFacts.OptedOut | MethodFacts.NoStop | MethodFacts.JumpOrArglist | MethodFacts.Unreadable)) == 0)
        {
            facts |= MethodFacts.Checkable;
        }

        Facts[row] = facts;
    }

    private unsafe MethodFacts Walk(int row, MethodBodyBlock body, bool redirect)
    {
        BlobReader blob = body.GetILReader();
        IlReader il = new(new ReadOnlySpan<byte>(blob.StartPointer, blob.Length));
        MethodFacts facts = MethodFacts.None;
        int cost = 0;
        while (il.Read())
        {
            cost += cost < 0 ? 0 : 1;
            switch (il.OpCode)
            {
                case IlReader.Call or IlReader.Callvirt or IlReader.Newobj or IlReader.Jmp or IlReader.Ldftn or IlReader.Ldvirtftn:
                    facts |= Reference(row, il.OpCode, il.Token, redirect, ref cost);
                    break;
                case IlReader.Calli:
                    Graph.AddCallToForeign();
                    facts |= MethodFacts.Calls | MethodFacts.CallsUnknown;
                    cost = -1;
                    break;
                case IlReader.Arglist:
                    facts |= MethodFacts.JumpOrArglist;
                    break;
                case IlReader.Newarr or IlReader.Localloc or IlReader.Cpblk or IlReader.Initblk:
                    cost = -1;
                    break;
                default:
                    if (il.JumpsBack())
                    {
                        facts |= MethodFacts.Loop;
                        cost = -1;
                    }

                    break;
            }
        }

        if (il.IsBroken)
        {
            facts |= MethodFacts.Unreadable;
            cost = -1;
        }

        Cost[row] = cost;
        return facts;
    }

    private MethodFacts Reference(int row, int opcode, int token, bool redirect, ref int cost)
    {
        CallTarget target = Target(token, redirect);

        MethodFacts facts = target.Redirect ? MethodFacts.Redirect : MethodFacts.None;
        if (opcode is IlReader.Ldftn or IlReader.Ldvirtftn)
        {
            if (target.Method != 0)
            {
                Graph.AddTaken(opcode == IlReader.Ldvirtftn ? Hierarchy.DispatchNode(target.Method) : target.Method);
            }

            return facts;
        }

        if (opcode == IlReader.Jmp)
        {
            facts |= MethodFacts.JumpOrArglist;
        }

        facts |= MethodFacts.Calls;
        if (target.Method != 0)
        {
            bool dispatched = opcode == IlReader.Callvirt && Hierarchy.IsOverridable(target.Method);
            Graph.AddCall(dispatched ? Hierarchy.DispatchNode(target.Method) : target.Method);
            cost = dispatched ? -1 : cost;
            return facts;
        }

        if (target.CallsBack)
        {
            Graph.AddCallToForeign();
        }

        if (target.Cost is null)
        {
            facts |= MethodFacts.CallsUnknown;
        }

        cost = cost < 0 || target.Cost is null or 0 ? -1 : cost + target.Cost.Value;
        return facts;
    }

    private CallTarget Target(int token, bool redirect)
    {
        CallTarget?[] known = (TableIndex)(token >>> 24) switch
        {
            TableIndex.MethodDef => _methods,
            TableIndex.MemberRef => _members,
            TableIndex.MethodSpec => _specifications,
            _ => [],
        };
        int row = token & 0xFFFFFF;
        return row >= known.Length ? CallTarget.Unknown : known[row] ??= Classify(token, redirect);
    }

    private CallTarget Classify(int token, bool redirect)
    {
        try
        {
            EntityHandle handle = MetadataTokens.EntityHandle(token);
            ImmutableArray<bool> methodArguments = default;
            if (handle.Kind == HandleKind.MethodSpecification)
            {
                MethodSpecification specification = _reader.GetMethodSpecification((MethodSpecificationHandle)handle);
                methodArguments = specification.DecodeSignature(_signatures, default);
                handle = specification.Method;
            }

            return handle.Kind switch
            {
                HandleKind.MethodDefinition => ClassifyOwn((MethodDefinitionHandle)handle),
                HandleKind.MemberReference => ClassifyMember((MemberReferenceHandle)handle, methodArguments, redirect),
                _ => CallTarget.Unknown,
            };
        }
        catch (BadImageFormatException)
        {
            return CallTarget.Unknown;
        }
    }

    private CallTarget ClassifyOwn(MethodDefinitionHandle handle)
    {
        MethodDefinition method = _reader.GetMethodDefinition(handle);
        bool isRuntime = (method.ImplAttributes & MethodImplAttributes.CodeTypeMask) == MethodImplAttributes.Runtime;
        if (isRuntime && _reader.GetString(method.Name) == ".ctor")
        {
            return CallTarget.Calm(5);
        }

        // Invoke of a delegate runs any method whose pointer was taken; a P/Invoke may do so through a callback.
        return isRuntime || (method.Attributes & MethodAttributes.PinvokeImpl) != 0
            ? CallTarget.Unknown
            : CallTarget.Own(MetadataTokens.GetRowNumber(handle));
    }

    private CallTarget ClassifyMember(MemberReferenceHandle handle, ImmutableArray<bool> methodArguments, bool redirect)
    {
        MemberReference member = _reader.GetMemberReference(handle);
        if (member.Parent.Kind == HandleKind.MethodDefinition)
        {
            return CallTarget.Own(MetadataTokens.GetRowNumber(member.Parent));
        }

        EntityHandle open = member.Parent.Kind is HandleKind.ModuleReference ? default : MetadataNames.OpenType(_reader, member.Parent);
        if (open.IsNil)
        {
            // Array accessors and global functions of other modules; only the former occur.
            return CallTarget.Calm(6);
        }

        if (open.Kind == HandleKind.TypeDefinition)
        {
            MethodDefinitionHandle own = Hierarchy.FindMethod((TypeDefinitionHandle)open, member);
            return own.IsNil ? CallTarget.Unknown : ClassifyOwn(own);
        }

        string type = MetadataNames.FullName(_reader, open);
        string name = _reader.GetString(member.Name);
        string? assembly = MetadataNames.AssemblyOf(_reader, open);
        return ClassifyForeign(member, type, name, assembly, methodArguments) with { Redirect = redirect && (RedirectTable.Mentions(type, name) || BlockingTable.Mentions(type, name)) };
    }

    private CallTarget ClassifyForeign(MemberReference member, string type, string name, string? assembly, ImmutableArray<bool> methodArguments)
    {
        ImmutableArray<bool> typeArguments = default;
        bool receiver = !_signatures.IsHarmlessReceiver(assembly, type);
        if (member.Parent.Kind == HandleKind.TypeSpecification)
        {
            receiver = _reader.GetTypeSpecification((TypeSpecificationHandle)member.Parent).DecodeSignature(_signatures, default);
            typeArguments = GenericArguments((TypeSpecificationHandle)member.Parent);
        }

        MethodSignature<bool> signature = member.DecodeMethodSignature(_signatures, new TypeArguments(typeArguments, methodArguments));
        bool isFramework = CallbackSignature.IsFramework(assembly);
        bool harmlessArguments = !signature.ParameterTypes.Contains(true);
        if (name == ".ctor" && isFramework)
        {
            if (IsDelegateConstructor(member))
            {
                return CallTarget.Calm(5);
            }

            if (type.EndsWith("Exception", StringComparison.Ordinal))
            {
                return CallTarget.Calm(0);
            }
        }

        if (isFramework && CalmCalls.Cost(type, name) is { } cost && (name != ".ctor" || harmlessArguments))
        {
            return CallTarget.Calm(cost);
        }

        bool harmless = isFramework && harmlessArguments && (!signature.Header.IsInstance || !receiver);
        return CallTarget.Unknown with { CallsBack = !harmless };
    }

    private ImmutableArray<bool> GenericArguments(TypeSpecificationHandle handle)
    {
        BlobReader blob = _reader.GetBlobReader(_reader.GetTypeSpecification(handle).Signature);
        if (blob.ReadCompressedInteger() != (int)SignatureTypeCode.GenericTypeInstance)
        {
            return default;
        }

        blob.ReadCompressedInteger();
        blob.ReadTypeHandle();
        ImmutableArray<bool>.Builder arguments = ImmutableArray.CreateBuilder<bool>(blob.ReadCompressedInteger());
        SignatureDecoder<bool, TypeArguments> decoder = new(_signatures, _reader, default);
        for (int i = 0; i < arguments.Capacity; i++)
        {
            arguments.Add(decoder.DecodeType(ref blob));
        }

        return arguments.MoveToImmutable();
    }

    // void .ctor(object, native int)
    private bool IsDelegateConstructor(MemberReference member) =>
        _reader.GetBlobBytes(member.Signature).AsSpan().SequenceEqual((ReadOnlySpan<byte>)[0x20, 2, 1, 0x1c, 0x18]);

    private bool IsClassConstructor(MethodDefinition method) =>
        (method.Attributes & (MethodAttributes.Static | MethodAttributes.RTSpecialName)) == (MethodAttributes.Static | MethodAttributes.RTSpecialName)
        && _reader.GetString(method.Name) == ".cctor";

    // A method's cost is known once those of the methods it calls are; what is in a call cycle never gets one.
    private void BoundCosts()
    {
        const int InProgress = -2, Limit = 100_000;
        int[] own = (int[])Cost.Clone();
        bool[] done = new bool[MethodCount + 1];
        for (int row = 1; row <= MethodCount; row++)
        {
            Bound(row, 0);
        }

        int Bound(int row, int depth)
        {
            if (row > MethodCount || own[row] < 0 || done[row])
            {
                return row > MethodCount ? -1 : Cost[row];
            }

            if (Cost[row] == InProgress || depth > 40)
            {
                return -1;
            }

            Cost[row] = InProgress;
            long sum = own[row];
            foreach (int callee in Graph.Calls(row))
            {
                int cost = callee == CallGraph.Foreign ? -1 : Bound(callee, depth + 1);
                if (cost < 0)
                {
                    sum = -1;
                    break;
                }

                sum += cost;
            }

            done[row] = true;
            return Cost[row] = sum is < 0 or > Limit ? -1 : (int)sum;
        }
    }

    /// <summary>What a method token stands for.</summary>
    /// <param name="Method">Row of a method of this assembly; 0 if foreign.</param>
    /// <param name="CallsBack">Foreign and able to call into this assembly.</param>
    /// <param name="Cost">As in <see cref="CalmCalls.Cost"/>.</param>
    /// <param name="Redirect">Its name is in the redirect table.</param>
    private readonly record struct CallTarget(int Method, bool CallsBack, int? Cost, bool Redirect)
    {
        public static CallTarget Unknown => new(0, true, null, false);

        public static CallTarget Own(int row) => new(row, false, null, false);

        public static CallTarget Calm(int cost) => new(0, false, cost, false);
    }
}
