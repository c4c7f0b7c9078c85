using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// Turns short branches that no longer reach into long ones, to a fix-point. Widening only ever moves targets
/// further away, so starting from the forms the compiler chose ends at the smallest correct choice, and code that
/// was not touched stays as it was.
/// </summary>
internal static class BranchForms
{
    public static void WidenWhereNeeded(List<Instruction> code)
    {
        bool widened;
        do
        {
            int offset = 0;
            foreach (Instruction instruction in code)
            {
                instruction.Offset = offset;
                offset += instruction.GetSize();
            }

            widened = false;
            foreach (Instruction instruction in code)
            {
                if (instruction.OpCode.OperandType == OperandType.ShortInlineBrTarget)
                {
                    int distance = ((Instruction)instruction.Operand).Offset - (instruction.Offset + 2);
                    if (distance is < sbyte.MinValue or > sbyte.MaxValue)
                    {
                        instruction.OpCode = Long(instruction.OpCode);
                        widened = true;
                    }
                }
            }
        }
        while (widened);
    }

    private static OpCode Long(OpCode shortForm) => shortForm.Code switch
    {
        Code.Br_S => OpCodes.Br,
        Code.Brfalse_S => OpCodes.Brfalse,
        Code.Brtrue_S => OpCodes.Brtrue,
        Code.Beq_S => OpCodes.Beq,
        Code.Bge_S => OpCodes.Bge,
        Code.Bgt_S => OpCodes.Bgt,
        Code.Ble_S => OpCodes.Ble,
        Code.Blt_S => OpCodes.Blt,
        Code.Bne_Un_S => OpCodes.Bne_Un,
        Code.Bge_Un_S => OpCodes.Bge_Un,
        Code.Bgt_Un_S => OpCodes.Bgt_Un,
        Code.Ble_Un_S => OpCodes.Ble_Un,
        Code.Blt_Un_S => OpCodes.Blt_Un,
        Code.Leave_S => OpCodes.Leave,
        _ => throw new InvalidOperationException($"{shortForm} is no short branch."),
    };
}
