using Mono.Cecil;

namespace ILPreempt.Stress.Cil;

/// <summary>What a value on the evaluation stack is to the generator.</summary>
internal enum Kind
{
    Void,
    I4,
    U4,
    I8,
    R8,
    R4,
    Ints,
    Node,
    S,
    T,
    RefI4,
    RefS,
    RefT,
    Other,
}

/// <summary>The shell's members as one module sees them.</summary>
internal sealed class Shape
{
    private readonly ModuleDefinition _module;

    public Shape(ModuleDefinition module)
    {
        _module = module;
        Sample = module.GetType("Sample");
        Node = module.GetType("Node");
        Sub = module.GetType("Sub");
        S = module.GetType("S");
        Box = module.GetType("Box`1");
        Late = module.GetType("Late");
        Go = module.GetType("IShape").Methods.Single();
        Bodies = [.. module.Types.SelectMany(t => t.Methods).Where(m => m.CustomAttributes.Any(a => a.AttributeType.Name == "BodyAttribute"))];
        Func = module.ImportReference(typeof(Func<int, int, int>));
        FuncNew = module.ImportReference(typeof(Func<int, int, int>).GetConstructors()[0]);
        FuncInvoke = module.ImportReference(typeof(Func<int, int, int>).GetMethod("Invoke"));
        Exceptions =
        [
            .. new[] { typeof(InvalidOperationException), typeof(ArithmeticException), typeof(NullReferenceException), typeof(IndexOutOfRangeException) }
                .Select(t => module.ImportReference(t)),
        ];
        ExceptionNews =
        [
            .. new[] { typeof(InvalidOperationException), typeof(DivideByZeroException), typeof(ArgumentException) }.Select(t => module.ImportReference(t.GetConstructor([]))),
        ];
    }

    public TypeDefinition Sample { get; }

    public TypeDefinition Node { get; }

    public TypeDefinition Sub { get; }

    public TypeDefinition S { get; }

    public TypeDefinition Box { get; }

    public TypeDefinition Late { get; }

    public MethodDefinition Go { get; }

    public List<MethodDefinition> Bodies { get; }

    public TypeReference Func { get; }

    public MethodReference FuncNew { get; }

    public MethodReference FuncInvoke { get; }

    public TypeReference[] Exceptions { get; }

    public MethodReference[] ExceptionNews { get; }

    public TypeSystem Types => _module.TypeSystem;

    public MethodDefinition Helper(string name) => Sample.Methods.Single(m => m.Name == name);

    public static FieldDefinition Field(TypeDefinition type, string name) => type.Fields.Single(f => f.Name == name);

    public FieldDefinition Static(string name) => Field(Sample, name);

    public Kind KindOf(TypeReference type) => type switch
    {
        ByReferenceType { ElementType: { } element } => KindOf(element) switch { Kind.I4 => Kind.RefI4, Kind.S => Kind.RefS, Kind.T => Kind.RefT, _ => Kind.Other },
        ArrayType => Kind.Ints,
        GenericParameter => Kind.T,
        _ when type == Node => Kind.Node,
        _ when type == S => Kind.S,
        _ => type.MetadataType switch
        {
            MetadataType.Void => Kind.Void,
            MetadataType.Int32 => Kind.I4,
            MetadataType.UInt32 => Kind.U4,
            MetadataType.Int64 => Kind.I8,
            MetadataType.Double => Kind.R8,
            MetadataType.Single => Kind.R4,
            _ => Kind.Other,
        },
    };

    public TypeReference TypeOf(Kind kind, GenericParameter? t) => kind switch
    {
        Kind.I4 => Types.Int32,
        Kind.U4 => Types.UInt32,
        Kind.I8 => Types.Int64,
        Kind.R8 => Types.Double,
        Kind.R4 => Types.Single,
        Kind.Ints => new ArrayType(Types.Int32),
        Kind.Node => Node,
        Kind.S => S,
        Kind.T => t!,
        Kind.RefI4 => new ByReferenceType(Types.Int32),
        Kind.RefS => new ByReferenceType(S),
        Kind.RefT => new ByReferenceType(t),
        _ => Types.Object,
    };

    /// <summary>A member of an instantiation of <c>Box</c>.</summary>
    public MethodReference OfBox(string name, TypeReference argument)
    {
        GenericInstanceType box = new(Box);
        box.GenericArguments.Add(argument);
        MethodDefinition method = Box.Methods.Single(m => m.Name == name);
        MethodReference reference = new(name, method.ReturnType, box) { HasThis = method.HasThis };
        foreach (ParameterDefinition parameter in method.Parameters)
        {
            reference.Parameters.Add(new ParameterDefinition(parameter.ParameterType));
        }

        return reference;
    }

    public FieldReference BoxField(string name, TypeReference argument)
    {
        GenericInstanceType box = new(Box);
        box.GenericArguments.Add(argument);
        return new FieldReference(name, Field(Box, name).FieldType, box);
    }

    public static MethodReference Of(MethodDefinition generic, TypeReference argument)
    {
        GenericInstanceMethod instance = new(generic);
        instance.GenericArguments.Add(argument);
        return instance;
    }
}
