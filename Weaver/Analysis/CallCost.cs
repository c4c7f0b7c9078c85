using ILPreempt.Weaver.Rules;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.Analysis;

/// <summary>Upper bound of what one call executes, in IL instructions.</summary>
internal static class CallCost
{
    public static int? Of(MethodReference method, Code opcode, WeaveContext context)
    {
        MethodReference element = method.GetElementMethod();
        if (element.DeclaringType is ArrayType)
        {
            return 6;
        }

        TypeReference type = element.DeclaringType.GetElementType();
        MethodDefinition? own = element as MethodDefinition ?? Own(element, type);
        if (own is not null)
        {
            int cost = (opcode == Code.Callvirt && own.IsVirtual && !own.IsFinal) || !own.HasBody ? -1 : context.Scan.Cost[own.MetadataToken.RID];
            return cost < 0 ? null : cost + 4;
        }

        return type.Scope is AssemblyNameReference scope && CallbackSignature.IsFramework(scope.Name)
            && CalmCalls.Cost(type.FullName, element.Name) is { } calm and > 0
                ? calm
                : null;
    }

    /// <summary>Whether the JIT most likely leaves no call: short methods of this module, and framework members of small cost.</summary>
    public static bool IsInlined(Instruction call)
    {
        MethodReference? method = (call.Operand as MethodReference)?.GetElementMethod();
        return method switch
        {
            null => false,
            MethodDefinition own => !own.IsVirtual && own.HasBody && own.Body.CodeSize <= 32,
            _ => method.DeclaringType.GetElementType() is { Scope: AssemblyNameReference scope } type
                && CallbackSignature.IsFramework(scope.Name) && CalmCalls.Cost(type.FullName, method.Name) is > 0 and <= 20,
        };
    }

    // A member of an instantiation of a generic type of this module.
    private static MethodDefinition? Own(MethodReference method, TypeReference type)
    {
        if (type is not TypeDefinition definition)
        {
            return null;
        }

        MethodDefinition? found = null;
        foreach (MethodDefinition candidate in definition.Methods)
        {
            if (candidate.Name == method.Name && candidate.Parameters.Count == method.Parameters.Count)
            {
                if (found is not null)
                {
                    return null;
                }

                found = candidate;
            }
        }

        return found;
    }
}
