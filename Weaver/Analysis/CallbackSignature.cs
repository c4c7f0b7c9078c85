using System.Collections.Immutable;
using System.Reflection.Metadata;
using ILPreempt.Weaver.Resolving;

namespace ILPreempt.Weaver.Analysis;

/// <summary>Whether the type arguments in scope can carry user code.</summary>
internal readonly record struct TypeArguments(ImmutableArray<bool> Type, ImmutableArray<bool> Method);

/// <summary>
/// Decodes signatures into one bit per type: can a callee, given a value of it, get back into user code?
/// </summary>
/// <remarks>
/// No for primitives, strings, enums, value types of namespace System and of the vector namespaces, and arrays,
/// spans and nullables of those. Yes for everything else: objects have virtual methods.
/// </remarks>
internal sealed class CallbackSignature(ReferenceSet references) : ISignatureTypeProvider<bool, TypeArguments>
{
    public static bool IsFramework(string? assembly) =>
        assembly is not null
        && (assembly is "mscorlib" or "netstandard" or "System" || assembly.StartsWith("System.", StringComparison.Ordinal));

    /// <summary>Whether a value type or string of this name is harmless; for receivers, whose kind no signature tells.</summary>
    public bool IsHarmlessReceiver(string? assembly, string type) =>
        type is "System.String" or "System.Text.StringBuilder"
        || (IsFramework(assembly) && IsHarmlessNamespace(type) && references.IsValueType(assembly!, type) == true);

    public bool GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode is PrimitiveTypeCode.Object or PrimitiveTypeCode.TypedReference;

    public bool GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind)
    {
        EntityHandle baseType = reader.GetTypeDefinition(handle).BaseType;
        return rawTypeKind != (byte)SignatureTypeKind.ValueType || baseType.IsNil || MetadataNames.FullName(reader, baseType) != "System.Enum";
    }

    public bool GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind)
    {
        string name = MetadataNames.FullName(reader, handle);
        if (rawTypeKind != (byte)SignatureTypeKind.ValueType)
        {
            return name is not ("System.String" or "System.Type" or "System.Text.StringBuilder");
        }

        string? assembly = MetadataNames.AssemblyOf(reader, handle);
        return !(IsFramework(assembly)
            && (IsHarmlessNamespace(name)
                || references.EnumUnderlyingType(assembly!, name) is not (null or PrimitiveTypeCode.Object)));
    }

    public bool GetTypeFromSpecification(MetadataReader reader, TypeArguments genericContext, TypeSpecificationHandle handle, byte rawTypeKind) =>
        reader.GetTypeSpecification(handle).DecodeSignature(this, genericContext);

    public bool GetGenericInstantiation(bool genericType, ImmutableArray<bool> typeArguments) => genericType || typeArguments.Contains(true);

    public bool GetGenericTypeParameter(TypeArguments genericContext, int index) => Argument(genericContext.Type, index);

    public bool GetGenericMethodParameter(TypeArguments genericContext, int index) => Argument(genericContext.Method, index);

    public bool GetSZArrayType(bool elementType) => elementType;

    public bool GetArrayType(bool elementType, ArrayShape shape) => elementType;

    public bool GetByReferenceType(bool elementType) => elementType;

    public bool GetPointerType(bool elementType) => false;

    public bool GetPinnedType(bool elementType) => elementType;

    public bool GetModifiedType(bool modifier, bool unmodifiedType, bool isRequired) => unmodifiedType;

    public bool GetFunctionPointerType(MethodSignature<bool> signature) => true;

    private static bool Argument(ImmutableArray<bool> arguments, int index) =>
        arguments.IsDefault || index >= arguments.Length || arguments[index];

    private static bool IsHarmlessNamespace(string type)
    {
        int dot = type.LastIndexOf('.');
        return dot > 0 && type[..dot] is "System" or "System.Numerics" or "System.Runtime.Intrinsics"
            || type is "System.Runtime.CompilerServices.DefaultInterpolatedStringHandler" or "System.Text.StringBuilder/AppendInterpolatedStringHandler";
    }
}
