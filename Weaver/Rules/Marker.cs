using System.Reflection.Metadata;
using Mono.Cecil;
using CustomAttribute = Mono.Cecil.CustomAttribute;
using MethodReference = Mono.Cecil.MethodReference;
using ModuleDefinition = Mono.Cecil.ModuleDefinition;
using TypeReference = Mono.Cecil.TypeReference;

namespace ILPreempt.Weaver.Rules;

/// <summary><c>[assembly: AssemblyMetadata("ILPreempt.Woven", "version;options;sha256 of the input")]</c></summary>
internal static class Marker
{
    public const string Key = "ILPreempt.Woven";

    public static void Add(ModuleDefinition module, string value)
    {
        TypeReference type = new("System.Reflection", "AssemblyMetadataAttribute", module, module.TypeSystem.CoreLibrary);
        MethodReference constructor = new(".ctor", module.TypeSystem.Void, type) { HasThis = true };
        constructor.Parameters.Add(new ParameterDefinition(module.TypeSystem.String));
        constructor.Parameters.Add(new ParameterDefinition(module.TypeSystem.String));
        CustomAttribute attribute = new(constructor);
        attribute.ConstructorArguments.Add(new CustomAttributeArgument(module.TypeSystem.String, Key));
        attribute.ConstructorArguments.Add(new CustomAttributeArgument(module.TypeSystem.String, value));
        module.Assembly.CustomAttributes.Add(attribute);
    }

    /// <summary>The value of an AssemblyMetadata attribute if it is the marker.</summary>
    public static string? Read(MetadataReader reader, CustomAttributeHandle handle)
    {
        BlobReader blob = reader.GetBlobReader(reader.GetCustomAttribute(handle).Value);
        return blob.Length > 4 && blob.ReadUInt16() == 1 && blob.ReadSerializedString() == Key ? blob.ReadSerializedString() : null;
    }
}
