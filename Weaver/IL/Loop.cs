using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>A loop as the layout shows it: every cycle of a method has a jump to an index at or before its own.</summary>
/// <param name="Head">Target of the back edges.</param>
/// <param name="Sources">Instructions that jump back to it, ascending.</param>
internal sealed record Loop(int Head, List<int> Sources)
{
    /// <summary>The last instruction that jumps back.</summary>
    public int Last => Sources[^1];

    /// <summary>
    /// The stretch of code from a loop's head to the end of every loop that begins in it. Compilers jump straight into
    /// the condition of a while loop that comes first in another, so loops may overlap without one being in the other.
    /// </summary>
    /// <param name="loops">All loops by head.</param>
    /// <param name="first">Index of the first one.</param>
    /// <param name="members">The loops in the stretch.</param>
    public static Loop Nest(List<Loop> loops, int first, out List<Loop> members)
    {
        int last = loops[first].Last;
        int count = 1;
        while (first + count < loops.Count && loops[first + count].Head <= last)
        {
            last = Math.Max(last, loops[first + count].Last);
            count++;
        }

        members = loops.GetRange(first, count);
        return new Loop(loops[first].Head, [last]);
    }

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
