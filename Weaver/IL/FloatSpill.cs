using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// Keeps floating-point accumulators of a loop in registers although the loop now has a call on its cold path.
/// </summary>
/// <remarks>
/// <para>No vector register survives a call on System V, and the JIT's register allocator spills a variable where it
/// was last written, not where the call is: one check made <c>sum += a[i] * b[i]</c> store and reload the sum in
/// every round, 2.4 times as slow. So the cold path saves such variables itself and restores them after the call;
/// then they are not alive across it. The copy is written and read as volatile, which tells the JIT that its address
/// matters, so that it cannot see that the two are the same.</para>
/// <para>Counters and loop invariants are left alone: a second assignment in the loop would hide from the JIT what
/// they are, and bounds checks would come back.</para>
/// </remarks>
internal static class FloatSpill
{
    /// <summary>Variables that carry a floating-point value from one round of the loop to the next.</summary>
    public static List<Variable> Carried(MethodEditor editor, Loop loop)
    {
        List<Variable> seen = [];
        List<Variable> readFirst = [];
        List<Variable> stored = [];
        HashSet<Variable> addressed = [];
        for (int i = 0; i < editor.Code.Length; i++)
        {
            if (Variable.Addressed(editor, i) is { } variable)
            {
                addressed.Add(variable);
            }
        }

        for (int i = loop.Head; i <= loop.Last; i++)
        {
            if (Variable.Loaded(editor, i) is { IsFloat: true } read && !seen.Contains(read))
            {
                seen.Add(read);
                readFirst.Add(read);
            }
            else if (Variable.Stored(editor, i) is { IsFloat: true } written)
            {
                seen.Add(written);
                stored.Add(written);
            }
        }

        readFirst.RemoveAll(v => !stored.Contains(v) || addressed.Contains(v));
        return readFirst;
    }

    /// <summary>Puts saving and restoring around the last instruction of a check, which is the call.</summary>
    public static Instruction[] Around(MethodEditor editor, Instruction[] check, List<Variable> variables)
    {
        List<Instruction> save = [];
        List<Instruction> restore = [];
        foreach (Variable variable in variables)
        {
            bool isDouble = variable.Type.MetadataType == Mono.Cecil.MetadataType.Double;
            VariableDefinition copy = new(variable.Type);
            editor.NewVariables.Add(copy);
            save.AddRange(
                Instruction.Create(OpCodes.Ldloca, copy),
                variable.Load(),
                Instruction.Create(OpCodes.Volatile),
                Instruction.Create(isDouble ? OpCodes.Stind_R8 : OpCodes.Stind_R4));
            restore.AddRange(
                Instruction.Create(OpCodes.Ldloca, copy),
                Instruction.Create(OpCodes.Volatile),
                Instruction.Create(isDouble ? OpCodes.Ldind_R8 : OpCodes.Ldind_R4),
                variable.Save());
        }

        return [.. check[..^1], .. save, check[^1], .. restore];
    }
}
