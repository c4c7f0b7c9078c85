using System.Reflection.Metadata;

namespace ILPreempt.Weaver.Resolving;

/// <summary>Names of types as metadata spells them: "Namespace.Outer/Inner`1".</summary>
internal static class MetadataNames
{
    public static string FullName(MetadataReader reader, EntityHandle type)
    {
        switch (type.Kind)
        {
            case HandleKind.TypeDefinition:
                TypeDefinition definition = reader.GetTypeDefinition((TypeDefinitionHandle)type);
                TypeDefinitionHandle outer = definition.GetDeclaringType();
                return outer.IsNil
                    ? Join(reader, definition.Namespace, definition.Name)
                    : FullName(reader, outer) + "/" + reader.GetString(definition.Name);
            case HandleKind.TypeReference:
                TypeReference reference = reader.GetTypeReference((TypeReferenceHandle)type);
                return reference.ResolutionScope.Kind == HandleKind.TypeReference
                    ? FullName(reader, reference.ResolutionScope) + "/" + reader.GetString(reference.Name)
                    : Join(reader, reference.Namespace, reference.Name);
            case HandleKind.TypeSpecification:
                EntityHandle open = OpenType(reader, type);
                return open.IsNil ? "" : FullName(reader, open);
            default:
                return "";
        }
    }

    public static string Join(MetadataReader reader, StringHandle ns, StringHandle name) =>
        ns.IsNil ? reader.GetString(name) : reader.GetString(ns) + "." + reader.GetString(name);

    /// <summary>Simple name of the assembly a type reference names; null for a type of this module.</summary>
    public static string? AssemblyOf(MetadataReader reader, EntityHandle type)
    {
        while (type.Kind == HandleKind.TypeReference)
        {
            EntityHandle scope = reader.GetTypeReference((TypeReferenceHandle)type).ResolutionScope;
            if (scope.Kind == HandleKind.AssemblyReference)
            {
                return reader.GetString(reader.GetAssemblyReference((AssemblyReferenceHandle)scope).Name);
            }

            type = scope;
        }

        return null;
    }

    /// <summary>The definition or reference behind a type; nil for arrays, pointers and type variables.</summary>
    public static EntityHandle OpenType(MetadataReader reader, EntityHandle type)
    {
        if (type.Kind != HandleKind.TypeSpecification)
        {
            return type;
        }

        BlobReader blob = reader.GetBlobReader(reader.GetTypeSpecification((TypeSpecificationHandle)type).Signature);
        if (blob.RemainingBytes > 2 && blob.ReadCompressedInteger() == (int)SignatureTypeCode.GenericTypeInstance)
        {
            blob.ReadCompressedInteger();
            EntityHandle open = blob.ReadTypeHandle();
            return open.Kind == HandleKind.TypeSpecification ? default : open;
        }

        return default;
    }
}
