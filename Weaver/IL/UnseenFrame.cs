using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// Whether a recursive method's frame shows in no stack trace: it computes, makes plain objects, calls itself and
/// nothing else, and nothing in it throws.
/// </summary>
/// <remarks>
/// <para>The JIT weighs a method's size against what inlining it brings, and a check can tip the scale: a short
/// recursion that was inlined into itself, which halves its calls, no longer is. AggressiveInlining makes up for the
/// check, but it would also inline where the JIT would not have, and an inlined frame is missing in traces. Here there
/// is no trace to be missing in (memory that runs out aside). Other forms of the check were tried instead, a
/// call, a plain load, Volatile.Read: for the scale even a load is too much.</para>
/// <para>Only static methods: a call through a null reference throws in the callee's frame. Only short ones, as an
/// inlined method is copied to each of its callers.</para>
/// </remarks>
internal static class UnseenFrame
{
    private const int MostBytes = 48;
    private const MethodImplAttributes OwnWishes =
        MethodImplAttributes.NoInlining | MethodImplAttributes.NoOptimization | MethodImplAttributes.AggressiveOptimization | MethodImplAttributes.Synchronized;

    /// <param name="editor">The method before anything is put into it.</param>
    public static bool Is(MethodEditor editor)
    {
        MethodDefinition method = editor.Method;
        return method.IsStatic && (method.ImplAttributes & OwnWishes) == 0 && !method.HasGenericParameters && !method.DeclaringType.HasGenericParameters
            && method.Body.CodeSize <= MostBytes && !method.Body.HasExceptionHandlers && !MayRunClassConstructor(method.DeclaringType)
            && Array.TrueForAll(editor.Code, instruction => IsQuiet(instruction, method));
    }

    private static bool IsQuiet(Instruction instruction, MethodDefinition method)
    {
        switch (instruction.OpCode.Code)
        {
            case Code.Call:
                return instruction.Operand == method;
            case Code.Newobj:
                return instruction.Operand is MethodDefinition { HasBody: true } constructor && OnlySetsFields(constructor);
            case Code.Nop or Code.Dup or Code.Pop or Code.Ret or Code.Ldnull:
            case Code.Add or Code.Sub or Code.Mul or Code.And or Code.Or or Code.Xor or Code.Shl or Code.Shr or Code.Shr_Un or Code.Neg or Code.Not:
            case Code.Ceq or Code.Cgt or Code.Cgt_Un or Code.Clt or Code.Clt_Un:
            case Code.Conv_I1 or Code.Conv_I2 or Code.Conv_I4 or Code.Conv_I8 or Code.Conv_U1 or Code.Conv_U2 or Code.Conv_U4 or Code.Conv_U8:
            case Code.Conv_R4 or Code.Conv_R8 or Code.Conv_R_Un:
                return true;
            case >= Code.Ldarg_0 and <= Code.Stloc_3 or Code.Ldarg_S or Code.Starg_S or Code.Ldloc_S or Code.Stloc_S:
            case Code.Ldarg or Code.Starg or Code.Ldloc or Code.Stloc:
            case >= Code.Ldc_I4_M1 and <= Code.Ldc_R8:
                return true;
            default:
                return instruction.OpCode.FlowControl is FlowControl.Branch or FlowControl.Cond_Branch
                    && instruction.Operand is Instruction target && target.Offset > instruction.Offset;
        }
    }

    // Fields of the new object, that is: another one might be null.
    private static bool OnlySetsFields(MethodDefinition constructor)
    {
        Mono.Collections.Generic.Collection<Instruction> code = constructor.Body.Instructions;
        int place = 0;
        while (place + 2 < code.Count && code[place].OpCode.Code == Code.Ldarg_0)
        {
            bool isField = code[place + 1].OpCode.Code is Code.Ldarg_1 or Code.Ldarg_2 or Code.Ldarg_3 or Code.Ldarg_S && code[place + 2].OpCode.Code == Code.Stfld;
            bool isBase = code[place + 1] is { OpCode.Code: Code.Call, Operand: MethodReference { Name: ".ctor", DeclaringType.FullName: "System.Object" } };
            place += isField ? 3 : isBase ? 2 : code.Count;
        }

        return place == code.Count - 1 && !constructor.DeclaringType.HasGenericParameters && !MayRunClassConstructor(constructor.DeclaringType);
    }

    private static bool MayRunClassConstructor(TypeDefinition type) => type.Methods.Any(method => method is { IsConstructor: true, IsStatic: true });
}
