using ILPreempt.Weaver.Rules;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>Whether what a counter is compared with stays the same while its loop runs.</summary>
/// <remarks>
/// A constant, a variable, a field, or the length of an array, string, span or list that one of these holds, provided
/// that nothing in the loop can write it. Another thread could; so could it make any loop run on.
/// </remarks>
internal static class SteadyBound
{
    /// <param name="editor">The method.</param>
    /// <param name="loop">A loop without calls that the JIT would not inline; it ends with "ldloc i; bound; blt head".</param>
    /// <param name="start">Index of the first instruction of the bound.</param>
    public static bool IsSteady(MethodEditor editor, Loop loop, int start)
    {
        int end = loop.Last;
        if (end - start == 1 && Counter.Constant(editor.Code[start]) is not null)
        {
            return true;
        }

        if (editor.Code[end - 1].OpCode.Code is Code.Call or Code.Callvirt)
        {
            end--;
            switch (editor.Code[end].Operand)
            {
                case MethodReference { Name: "get_Length", DeclaringType.FullName: "System.String" }:
                case MethodReference { Name: "get_Count" } list when list.DeclaringType.GetElementType().FullName == "System.Collections.Generic.List`1":
                    break;
                case MethodReference { Name: "get_Length" } span when span.DeclaringType.GetElementType().FullName is "System.Span`1" or "System.ReadOnlySpan`1":
                    return end - start == 1 && Variable.Addressed(editor, start) is { } local && !IsStored(editor, loop, local) && !MayWrite(editor, loop, isField: false);
                default:
                    return false;
            }
        }
        else if (end - start >= 3 && editor.Code[end - 1].OpCode.Code == Code.Conv_I4 && editor.Code[end - 2].OpCode.Code == Code.Ldlen)
        {
            end -= 2;
        }

        return IsSteadyValue(editor, loop, start, end);
    }

    // A variable, and fields from there.
    private static bool IsSteadyValue(MethodEditor editor, Loop loop, int start, int end)
    {
        bool isField = end - start > 1 || editor.Code[start].OpCode.Code == Code.Ldsfld;
        if (isField && MayWrite(editor, loop, isField: true))
        {
            return false;
        }

        if (editor.Code[start].OpCode.Code != Code.Ldsfld && !(editor.Code[start].OpCode.Code == Code.Ldarg_0 && editor.Method.HasThis && !WritesThis(editor)))
        {
            if (Variable.Loaded(editor, start) is not { } variable || IsStored(editor, loop, variable) || IsAddressed(editor, variable))
            {
                return false;
            }
        }

        for (int i = start; i < end; i++)
        {
            if ((i > start && editor.Code[i].OpCode.Code != Code.Ldfld) || (editor.Code[i].Operand is FieldReference field && IsFieldStored(editor, loop, field)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool WritesThis(MethodEditor editor) => Array.Exists(editor.Code, i =>
        i.OpCode.Code is Code.Starg or Code.Starg_S or Code.Ldarga or Code.Ldarga_S && i.Operand == editor.Body.ThisParameter);

    private static bool IsStored(MethodEditor editor, Loop loop, Variable variable)
    {
        for (int i = loop.Head; i <= loop.Last; i++)
        {
            if (Variable.Stored(editor, i)?.Equals(variable) == true)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsAddressed(MethodEditor editor, Variable variable) =>
        Enumerable.Range(0, editor.Code.Length).Any(i => Variable.Addressed(editor, i)?.Equals(variable) == true);

    private static bool IsFieldStored(MethodEditor editor, Loop loop, FieldReference field) => Array.Exists(editor.Code[loop.Head..loop.Last], i =>
        i.OpCode.Code is Code.Stfld or Code.Stsfld or Code.Ldflda or Code.Ldsflda && ((FieldReference)i.Operand).Name == field.Name);

    // Methods of this assembly may write any field; so may a store through an address that came from elsewhere. A span
    // in a variable is written as a whole only.
    private static bool MayWrite(MethodEditor editor, Loop loop, bool isField) => Array.Exists(editor.Code[loop.Head..loop.Last], i => i.OpCode.Code switch
    {
        Code.Stind_I or Code.Stind_I1 or Code.Stind_I2 or Code.Stind_I4 or Code.Stind_I8 or Code.Stind_Ref => isField,
        Code.Stobj or Code.Cpobj or Code.Initobj or Code.Calli => true,
        Code.Call or Code.Callvirt or Code.Newobj => i.Operand is not MethodReference method
            || method.Name == ".ctor"
            || CalmCalls.Cost(method.DeclaringType.GetElementType().FullName, method.GetElementMethod().Name) is not > 0,
        _ => false,
    });
}
