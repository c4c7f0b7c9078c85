using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>The one variable that a counted loop steps by a constant in every round.</summary>
/// <param name="Variable">The variable.</param>
/// <param name="Step">The constant; never 0, negative when the loop counts down.</param>
/// <param name="IsInt32">Whether it is 32 bits wide; else its low half must be taken first.</param>
/// <param name="Store">Index of the instruction that stores the stepped value.</param>
internal sealed record Counter(Variable Variable, int Step, bool IsInt32, int Store)
{
    /// <summary>
    /// Finds a counter: one store in the loop, of the form <c>i = i +/- constant</c>, on every path from the head to
    /// the only back edge, address never taken.
    /// </summary>
    /// <remarks>
    /// The caller has made sure that the loop has a single back edge; loops within it only repeat parts. So all rounds
    /// run forward from head to back edge, and "on every path" means that no jump leads over it.
    /// </remarks>
    public static Counter? Find(MethodEditor editor, Loop loop, IReadOnlyList<Loop> inner)
    {
        for (int store = loop.Last - 1; store > loop.Head; store--)
        {
            if (Variable.Stored(editor, store) is { } variable
                && variable.IsCounterType(out bool isInt32)
                && StepOf(editor, store, variable, out int start) is { } step
                && start >= loop.Head
                && !inner.Any(l => store >= l.Head && store <= l.Last)
                && IsOnlyStore(editor, loop, variable, store)
                && !IsBypassed(editor, loop, start, store))
            {
                return new Counter(variable, step, isInt32, store);
            }
        }

        return null;
    }

    /// <summary>Whether the variable is a signed 32-bit integer.</summary>
    public bool IsSigned32 => Variable.Type.MetadataType == MetadataType.Int32;

    // ldloc i; [dup;] ldc c; [conv;] add|sub; stloc i
    private static int? StepOf(MethodEditor editor, int store, Variable variable, out int start)
    {
        Instruction[] code = editor.Code;
        start = 0;
        int at = store - 1;
        if (at < 2 || code[at].OpCode.Code is not (Code.Add or Code.Sub or Code.Add_Ovf or Code.Add_Ovf_Un or Code.Sub_Ovf or Code.Sub_Ovf_Un))
        {
            return null;
        }

        bool isMinus = code[at].OpCode.Code is Code.Sub or Code.Sub_Ovf or Code.Sub_Ovf_Un;
        at--;
        if (code[at].OpCode.Code is Code.Conv_I or Code.Conv_U or Code.Conv_I8 or Code.Conv_U8)
        {
            at--;
        }

        if (at < 1 || Constant(code[at]) is not { } constant || Math.Abs(constant) is 0 or > 4096)
        {
            return null;
        }

        at--;
        if (code[at].OpCode.Code == Code.Dup && at > 0)
        {
            at--;
        }

        start = at;
        return Variable.Loaded(editor, at)?.Equals(variable) == true ? (int)(isMinus ? -constant : constant) : null;
    }

    /// <summary>The integer that an instruction pushes, if it pushes a constant.</summary>
    public static long? Constant(Instruction instruction) => instruction.OpCode.Code switch
    {
        >= Code.Ldc_I4_M1 and <= Code.Ldc_I4_8 => instruction.OpCode.Code - Code.Ldc_I4_0,
        Code.Ldc_I4_S => (sbyte)instruction.Operand,
        Code.Ldc_I4 => (int)instruction.Operand,
        Code.Ldc_I8 => (long)instruction.Operand,
        _ => null,
    };

    private static bool IsOnlyStore(MethodEditor editor, Loop loop, Variable variable, int store)
    {
        for (int i = 0; i < editor.Code.Length; i++)
        {
            if (Variable.Addressed(editor, i)?.Equals(variable) == true
                || (i != store && i >= loop.Head && i <= loop.Last && Variable.Stored(editor, i)?.Equals(variable) == true))
            {
                return false;
            }
        }

        return true;
    }

    // Jumps within the loop that skip the step, or land in the middle of it.
    private static bool IsBypassed(MethodEditor editor, Loop loop, int start, int store)
    {
        for (int i = 0; i < editor.Code.Length; i++)
        {
            foreach (int target in editor.Targets(i))
            {
                bool inside = i >= loop.Head && i <= loop.Last;
                if ((target > start && target <= store) || (inside && i < start && target > store && target <= loop.Last))
                {
                    return true;
                }
            }
        }

        return false;
    }
}

/// <summary>A local or an argument.</summary>
internal readonly record struct Variable(object Definition, TypeReference Type)
{
    public bool Equals(Variable other) => ReferenceEquals(Definition, other.Definition);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(Definition);

    public bool IsCounterType(out bool isInt32)
    {
        isInt32 = Type.MetadataType is MetadataType.Int32 or MetadataType.UInt32;
        return isInt32 || Type.MetadataType is MetadataType.Int64 or MetadataType.UInt64 or MetadataType.IntPtr or MetadataType.UIntPtr or MetadataType.Pointer;
    }

    public bool IsFloat => Type.MetadataType is MetadataType.Single or MetadataType.Double;

    public Instruction Save() => Definition is VariableDefinition local
        ? Instruction.Create(local.Index is >= 0 and < 256 ? OpCodes.Stloc_S : OpCodes.Stloc, local)
        : Instruction.Create(((ParameterDefinition)Definition).Sequence < 256 ? OpCodes.Starg_S : OpCodes.Starg, (ParameterDefinition)Definition);

    public Instruction Load() => Definition is VariableDefinition local
        ? Instruction.Create(local.Index is >= 0 and < 256 ? OpCodes.Ldloc_S : OpCodes.Ldloc, local)
        : Instruction.Create(((ParameterDefinition)Definition).Sequence < 256 ? OpCodes.Ldarg_S : OpCodes.Ldarg, (ParameterDefinition)Definition);

    public Instruction Address() => Definition is VariableDefinition local
        ? Instruction.Create(OpCodes.Ldloca, local)
        : Instruction.Create(OpCodes.Ldarga, (ParameterDefinition)Definition);

    public static Variable? Loaded(MethodEditor editor, int index) => Loaded(editor, editor.Code[index]);

    public static Variable? Loaded(MethodEditor editor, Instruction instruction) => instruction.OpCode.Code switch
    {
        Code.Ldloc_0 or Code.Ldloc_1 or Code.Ldloc_2 or Code.Ldloc_3 => Local(editor, instruction.OpCode.Code - Code.Ldloc_0),
        Code.Ldloc or Code.Ldloc_S => Of(instruction),
        Code.Ldarg_0 or Code.Ldarg_1 or Code.Ldarg_2 or Code.Ldarg_3 => Argument(editor, instruction.OpCode.Code - Code.Ldarg_0),
        Code.Ldarg or Code.Ldarg_S => Of(instruction),
        _ => null,
    };

    public static Variable? Stored(MethodEditor editor, int index) => Stored(editor, editor.Code[index]);

    public static Variable? Stored(MethodEditor editor, Instruction instruction) => instruction.OpCode.Code switch
    {
        Code.Stloc_0 or Code.Stloc_1 or Code.Stloc_2 or Code.Stloc_3 => Local(editor, instruction.OpCode.Code - Code.Stloc_0),
        Code.Stloc or Code.Stloc_S or Code.Starg or Code.Starg_S => Of(instruction),
        _ => null,
    };

    public static Variable? Addressed(MethodEditor editor, int index) => Addressed(editor.Code[index]);

    public static Variable? Addressed(Instruction instruction) =>
        instruction.OpCode.Code is Code.Ldloca or Code.Ldloca_S or Code.Ldarga or Code.Ldarga_S ? Of(instruction) : null;

    private static Variable Local(MethodEditor editor, int index) => new(editor.Body.Variables[index], editor.Body.Variables[index].VariableType);

    private static Variable? Argument(MethodEditor editor, int index)
    {
        index -= editor.Method.HasThis ? 1 : 0;
        return index < 0 ? null : new Variable(editor.Method.Parameters[index], editor.Method.Parameters[index].ParameterType);
    }

    private static Variable? Of(Instruction instruction) => instruction.Operand switch
    {
        VariableDefinition local => new(local, local.VariableType),
        ParameterDefinition parameter => new(parameter, parameter.ParameterType),
        _ => null,
    };
}
