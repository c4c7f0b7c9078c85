using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>A loop as the layout shows it: every cycle of a method has a jump to an index at or before its own.</summary>
/// <param name="Head">Target of the back edges.</param>
/// <param name="Sources">Instructions that jump back to it, ascending.</param>
internal sealed record Loop(int Head, List<int> Sources)
{
    /// <summary>The last instruction that jumps back.</summary>
    public int Last => Sources[^1];

    /// <summary>Whether no other loop begins in it, nor ends in it.</summary>
    public bool IsInnermost(List<Loop> loops) =>
        !loops.Exists(l => (l.Head > Head && l.Head <= Last) || (l.Head < Head && l.Last >= Head && l.Last < Last));

    public bool HasSwitch(MethodEditor editor) => Array.Exists(editor.Code[Head..Last], i => i.OpCode.Code == Code.Switch);

    /// <summary>A copy of its code. Jumps within the loop stay within the copy, except those to the head.</summary>
    /// <param name="editor">The method.</param>
    /// <param name="head">Where the jumps to the head go; null for the copy's own.</param>
    public Instruction[] Copy(MethodEditor editor, Instruction? head = null)
    {
        Instruction[] copy = Array.ConvertAll(editor.Code[Head..(Last + 1)], MethodEditor.Copy);
        foreach (Instruction instruction in copy)
        {
            if (instruction.Operand is Instruction target)
            {
                int index = editor.IndexOf(target);
                instruction.Operand = index == Head ? head ?? copy[0] : index > Head && index <= Last ? copy[index - Head] : target;
            }
        }

        return copy;
    }

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
