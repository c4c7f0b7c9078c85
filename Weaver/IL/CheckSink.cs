using ILPreempt.Weaver.Analysis;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// Where the check of a method in a call cycle goes: as late as every call that can lead back still comes after it.
/// </summary>
/// <remarks>
/// <code>
/// M(n) { if (n &lt; 2) return n; return M(n-1) + M(n-2); }   ->   { if (n &lt; 2) return n; check; return M(n-1) + M(n-2); }
/// </code>
/// <para>More than half of all calls of a recursion end at its base case. With the check in front of the first
/// recursive call these pay nothing, and every cycle still passes one. It stays in the prologue where a call can be
/// reached around the later place, in or around protected regions and loops (a loop has a check of its own), and
/// when the place is not the start of a statement (a check there would keep the evaluation stack alive over a call).</para>
/// </remarks>
internal static class CheckSink
{
    /// <summary>Index of the instruction to put the check before; 0 for the prologue.</summary>
    public static int Place(MethodEditor editor, AssemblyScan scan)
    {
        int first = -1;
        for (int i = 0; i < editor.Code.Length && first < 0; i++)
        {
            first = MayLeadBack(editor.Code[i], scan) ? i : -1;
        }

        if (first < 0)
        {
            return 0;
        }

        int place = StatementStart(editor, first);
        return place > 0 && !IsProtected(editor, place) && IsOnEveryWay(editor, place, scan) ? place : 0;
    }

    private static bool MayLeadBack(Instruction instruction, AssemblyScan scan)
    {
        switch (instruction.OpCode.Code)
        {
            case Code.Call:
            case Code.Newobj:
            case Code.Callvirt:
                bool isExact = instruction.Operand is MethodDefinition { HasBody: true } target
                    && (instruction.OpCode.Code != Code.Callvirt || !target.IsVirtual)
                    && scan.Graph.Calls((int)target.MetadataToken.RID).IsEmpty;
                return !isExact && instruction.Operand is not MethodReference { Name: ".ctor", DeclaringType.FullName: "System.Object" };
            case Code.Calli:
                return true;
            default:
                return false;
        }
    }

    // Back from the call, through straight code only, to where the evaluation stack is empty.
    private static int StatementStart(MethodEditor editor, int call)
    {
        bool[] isTarget = new bool[editor.Code.Length];
        for (int i = 0; i < editor.Code.Length; i++)
        {
            foreach (int target in editor.Targets(i))
            {
                isTarget[target] = true;
            }
        }

        for (int i = call; i > 0; i--)
        {
            if (editor.StackDepth[i] == 0)
            {
                return i;
            }

            if (isTarget[i] || editor.Code[i - 1].OpCode.FlowControl is not (FlowControl.Next or FlowControl.Call or FlowControl.Meta))
            {
                return 0;
            }
        }

        return 0;
    }

    private static bool IsProtected(MethodEditor editor, int place) => editor.Body.ExceptionHandlers.Any(handler =>
        (editor.IndexOf(handler.TryStart) <= place && place < editor.IndexOfEnd(handler.TryEnd))
        || (editor.IndexOf(handler.FilterStart ?? handler.HandlerStart) <= place && place < editor.IndexOfEnd(handler.HandlerEnd)));

    // From the entry without passing the place: no call that may lead back, and no way into the place from behind it.
    private static bool IsOnEveryWay(MethodEditor editor, int place, AssemblyScan scan)
    {
        for (int i = place; i < editor.Code.Length; i++)
        {
            if (editor.Targets(i).Any(target => target <= place))
            {
                return false;
            }
        }

        bool[] seen = new bool[editor.Code.Length];
        Stack<int> work = new([0]);
        foreach (ExceptionHandler handler in editor.Body.ExceptionHandlers)
        {
            work.Push(editor.IndexOf(handler.HandlerStart));
            if (handler.FilterStart != null)
            {
                work.Push(editor.IndexOf(handler.FilterStart));
            }
        }

        while (work.TryPop(out int i))
        {
            if (i == place || i >= editor.Code.Length || seen[i])
            {
                continue;
            }

            seen[i] = true;
            if (MayLeadBack(editor.Code[i], scan))
            {
                return false;
            }

            foreach (int target in editor.Targets(i))
            {
                work.Push(target);
            }

            if (editor.Code[i].OpCode.FlowControl is not (FlowControl.Branch or FlowControl.Return or FlowControl.Throw))
            {
                work.Push(i + 1);
            }
        }

        return true;
    }
}
