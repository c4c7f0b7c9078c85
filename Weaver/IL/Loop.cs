using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>A loop as the layout shows it: every cycle of a method has a jump to an index at or before its own.</summary>
/// <param name="Head">Target of the back edges.</param>
/// <param name="Sources">Instructions that jump back to it, ascending.</param>
internal sealed record Loop(int Head, List<int> Sources)
{
    /// <summary>The last instruction that jumps back.</summary>
    public int Last => Sources[^1];

    public static List<Loop> FindAll(MethodEditor editor)
    {
        SortedDictionary<int, Loop> loops = [];
        for (int i = 0; i < editor.Code.Length; i++)
        {
            if (editor.Code[i].OpCode.OperandType is not (OperandType.InlineBrTarget or OperandType.ShortInlineBrTarget or OperandType.InlineSwitch))
            {
                continue;
            }

            foreach (int target in editor.Targets(i))
            {
                if (target <= i)
                {
                    if (!loops.TryGetValue(target, out Loop? loop))
                    {
                        loops.Add(target, loop = new Loop(target, []));
                    }

                    loop.Sources.Add(i);
                }
            }
        }

        return [.. loops.Values];
    }
}
