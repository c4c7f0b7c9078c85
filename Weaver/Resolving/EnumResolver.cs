using Mono.Cecil;
using PrimitiveTypeCode = System.Reflection.Metadata.PrimitiveTypeCode;

namespace ILPreempt.Weaver.Resolving;

/// <summary>
/// Answers the one question Cecil asks while it writes: is the type of this constant an enum, and of what?
/// </summary>
/// <remarks>
/// The answer is a hollow definition that knows just that. Letting Cecil open the referenced assemblies instead cost
/// memory, was not thread-safe between weaves, and failed the whole module for one missing dependency. A type that
/// cannot be found is described by the constant itself: metadata stores its primitive.
/// </remarks>
internal sealed class EnumResolver(ReferenceSet references) : IMetadataResolver
{
    private readonly Dictionary<string, PrimitiveTypeCode> _fromConstants = new(StringComparer.Ordinal);

    /// <summary>Learns the primitives of constants, for types that are not found. Called once, before writing.</summary>
    public void Learn(ModuleDefinition module)
    {
        foreach (TypeDefinition type in module.GetTypes())
        {
            foreach (FieldDefinition field in type.Fields)
            {
                Learn(field.FieldType, field);
            }

            foreach (MethodDefinition method in type.Methods)
            {
                if (method.HasParameters)
                {
                    foreach (ParameterDefinition parameter in method.Parameters)
                    {
                        Learn(parameter.ParameterType, parameter);
                    }
                }
            }
        }
    }

    public TypeDefinition? Resolve(TypeReference type)
    {
        type = type.GetElementType();
        if (type is TypeDefinition definition)
        {
            return definition;
        }

        string assembly = type.Scope is AssemblyNameReference name ? name.Name : "";
        PrimitiveTypeCode? code = references.EnumUnderlyingType(assembly, type.FullName);
        if (code is null && _fromConstants.TryGetValue(type.FullName, out PrimitiveTypeCode learnt))
        {
            code = learnt;
        }

        return code is null ? null : Hollow(type, code.Value);
    }

    public FieldDefinition? Resolve(FieldReference field) => null;

    public MethodDefinition? Resolve(MethodReference method) => null;

    private void Learn(TypeReference type, IConstantProvider owner)
    {
        if (owner.HasConstant && owner.Constant is { } value && type is not TypeDefinition)
        {
            _fromConstants[type.GetElementType().FullName] = (PrimitiveTypeCode)(Type.GetTypeCode(value.GetType()) switch
            {
                TypeCode.Boolean => 2,
                TypeCode.Char => 3,
                TypeCode.SByte => 4,
                TypeCode.Byte => 5,
                TypeCode.Int16 => 6,
                TypeCode.UInt16 => 7,
                TypeCode.Int32 => 8,
                TypeCode.UInt32 => 9,
                TypeCode.Int64 => 10,
                TypeCode.UInt64 => 11,
                _ => 0x1c,
            });
        }
    }

    private static TypeDefinition Hollow(TypeReference type, PrimitiveTypeCode code)
    {
        TypeSystem types = type.Module.TypeSystem;
        TypeReference? primitive = code switch
        {
            PrimitiveTypeCode.Boolean => types.Boolean,
            PrimitiveTypeCode.Char => types.Char,
            PrimitiveTypeCode.SByte => types.SByte,
            PrimitiveTypeCode.Byte => types.Byte,
            PrimitiveTypeCode.Int16 => types.Int16,
            PrimitiveTypeCode.UInt16 => types.UInt16,
            PrimitiveTypeCode.Int32 => types.Int32,
            PrimitiveTypeCode.UInt32 => types.UInt32,
            PrimitiveTypeCode.Int64 => types.Int64,
            PrimitiveTypeCode.UInt64 => types.UInt64,
            _ => null,
        };
        if (primitive is null)
        {
            return new TypeDefinition(type.Namespace, type.Name, TypeAttributes.Class);
        }

        TypeReference baseType = new("System", "Enum", type.Module, type.Scope);
        TypeDefinition hollow = new(type.Namespace, type.Name, TypeAttributes.Sealed, baseType);
        hollow.Fields.Add(new FieldDefinition("value__", FieldAttributes.Public | FieldAttributes.SpecialName, primitive));
        return hollow;
    }
}

/// <summary>Refuses every request, so that no file outside the reference set is ever opened.</summary>
internal sealed class NoAssemblies : IAssemblyResolver
{
    public AssemblyDefinition? Resolve(AssemblyNameReference name) => null;

    public AssemblyDefinition? Resolve(AssemblyNameReference name, ReaderParameters parameters) => null;

    public void Dispose()
    {
    }
}
