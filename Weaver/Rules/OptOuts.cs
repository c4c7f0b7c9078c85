using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using ILPreempt.Weaver.Resolving;

namespace ILPreempt.Weaver.Rules;

/// <summary>Attributes that keep the weaver out of a method, a type (with its nested types) or the assembly.</summary>
internal sealed class OptOuts
{
    private const string DoNotWeave = "ILPreempt.Runtime.DoNotWeaveAttribute";
    private const string UnmanagedCallersOnly = "System.Runtime.InteropServices.UnmanagedCallersOnlyAttribute";

    private readonly MetadataReader _reader;
    private readonly HashSet<EntityHandle> _optedOut = [];
    private readonly HashSet<EntityHandle> _unmanagedEntries = [];

    public OptOuts(MetadataReader reader)
    {
        _reader = reader;
        Collect(DoNotWeave, _optedOut);
        Collect(UnmanagedCallersOnly, _unmanagedEntries);
    }

    public static bool IsAssemblyOptedOut(MetadataReader reader) =>
        reader.GetAssemblyDefinition().GetCustomAttributes().Any(a => TypeOf(reader, a) == DoNotWeave);

    /// <summary>Full name of an attribute's type.</summary>
    public static string TypeOf(MetadataReader reader, CustomAttributeHandle handle)
    {
        EntityHandle constructor = reader.GetCustomAttribute(handle).Constructor;
        EntityHandle type = constructor.Kind switch
        {
            HandleKind.MemberReference => reader.GetMemberReference((MemberReferenceHandle)constructor).Parent,
            HandleKind.MethodDefinition => reader.GetMethodDefinition((MethodDefinitionHandle)constructor).GetDeclaringType(),
            _ => default,
        };
        return type.IsNil ? "" : MetadataNames.FullName(reader, type);
    }

    public bool IsOptedOut(MethodDefinitionHandle handle, MethodDefinition method)
    {
        if (_optedOut.Count == 0)
        {
            return false;
        }

        if (_optedOut.Contains(handle))
        {
            return true;
        }

        for (TypeDefinitionHandle type = method.GetDeclaringType(); !type.IsNil; type = _reader.GetTypeDefinition(type).GetDeclaringType())
        {
            if (_optedOut.Contains(type))
            {
                return true;
            }
        }

        return false;
    }

    public bool IsUnmanagedEntry(MethodDefinitionHandle handle) => _unmanagedEntries.Contains(handle);

    // Attributes are many and their types few: look for the type first.
    private void Collect(string attribute, HashSet<EntityHandle> owners)
    {
        bool referenced = _reader.TypeReferences.Any(t => MetadataNames.FullName(_reader, t) == attribute)
            || _reader.TypeDefinitions.Any(t => MetadataNames.FullName(_reader, t) == attribute);
        if (!referenced)
        {
            return;
        }

        foreach (CustomAttributeHandle handle in _reader.CustomAttributes)
        {
            EntityHandle parent = _reader.GetCustomAttribute(handle).Parent;
            if (parent.Kind is HandleKind.MethodDefinition or HandleKind.TypeDefinition && TypeOf(_reader, handle) == attribute)
            {
                owners.Add(parent);
            }
        }
    }
}
