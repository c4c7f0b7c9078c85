using ILPreempt.Weaver.Rules;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver;

/// <summary>
/// What inserted code refers to, made by hand from names: importing from the weaver's own process would drag its
/// framework version into the target. The assembly reference is added with the first use.
/// </summary>
internal sealed class RuntimeReferences(ModuleDefinition module)
{
    public const string AssemblyName = "ILPreempt.Runtime";

    private readonly Dictionary<string, TypeReference> _types = [];
    private readonly Dictionary<(string, string), MethodReference> _methods = [];
    private AssemblyNameReference? _runtime;
    private FieldReference? _poll;

    /// <summary>Whether anything of the runtime was referred to.</summary>
    public bool IsUsed => _runtime is not null;

    /// <summary><c>if (volatile StackGuard.Poll != 0) StackGuard.MoreStack();</c></summary>
    public Instruction[] Check() =>
    [
        .. Poll(),
        Instruction.Create(OpCodes.Brfalse_S, IL.MethodEditor.End),
        Call("StackGuard", "MoreStack"),
    ];

    /// <summary>Reads the poll word.</summary>
    public Instruction[] Poll() =>
    [
        Instruction.Create(OpCodes.Volatile),
        Instruction.Create(OpCodes.Ldsfld, _poll ??= new FieldReference("Poll", module.TypeSystem.Int32, Type("StackGuard"))),
    ];

    /// <summary>A call of a static method without arguments or result.</summary>
    public Instruction Call(string type, string method)
    {
        if (!_methods.TryGetValue((type, method), out MethodReference? reference))
        {
            reference = new MethodReference(method, module.TypeSystem.Void, Type(type));
            _methods.Add((type, method), reference);
        }

        return Instruction.Create(OpCodes.Call, reference);
    }

    /// <summary>A static method without result that takes so many integers.</summary>
    public MethodReference Method(string type, string method, int parameters)
    {
        if (!_methods.TryGetValue((type, method), out MethodReference? reference))
        {
            reference = new MethodReference(method, module.TypeSystem.Void, Type(type));
            for (int i = 0; i < parameters; i++)
            {
                reference.Parameters.Add(new ParameterDefinition(module.TypeSystem.Int32));
            }

            _methods.Add((type, method), reference);
        }

        return reference;
    }

    /// <summary>The static twin of a redirected method, spelt with the caller's own type references.</summary>
    public MethodReference Twin(MethodReference original, Redirect redirect)
    {
        MethodReference twin = new(redirect.Member, original.ReturnType, Type(RedirectTable.TargetType[(AssemblyName.Length + 1)..]));
        if (redirect.IsInstance)
        {
            twin.Parameters.Add(new ParameterDefinition(original.DeclaringType));
        }

        foreach (ParameterDefinition parameter in original.Parameters)
        {
            twin.Parameters.Add(new ParameterDefinition(parameter.ParameterType));
        }

        return twin;
    }

    // "StackGuard", or "Loading.Redirects" for a type of a nested namespace.
    private TypeReference Type(string name)
    {
        if (!_types.TryGetValue(name, out TypeReference? type))
        {
            if (_runtime is null)
            {
                _runtime = module.AssemblyReferences.FirstOrDefault(r => r.Name == AssemblyName);
                if (_runtime is null)
                {
                    module.AssemblyReferences.Add(_runtime = new AssemblyNameReference(AssemblyName, new Version(0, 1, 0, 0)));
                }
            }

            int dot = name.LastIndexOf('.');
            type = new TypeReference(dot < 0 ? AssemblyName : $"{AssemblyName}.{name[..dot]}", name[(dot + 1)..], module, _runtime);
            _types.Add(name, type);
        }

        return type;
    }
}
