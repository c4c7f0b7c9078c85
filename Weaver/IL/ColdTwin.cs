using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// Keeps the call of a check out of a tight loop: a poll that is up leaves the loop for a copy of it, which runs the
/// remaining rounds and has the call.
/// </summary>
/// <remarks>
/// <code>
/// head: body; blt head            head: if (poll) goto twin; body; blt head; br after
///                                 twin: x' = x; ...
///                                 head': if (poll) MoreStack(); body'; blt head'
///                                       x = x'; ...
/// after:                          after:
/// </code>
/// <para>One call in a loop, however cold, costs the loop its registers: no vector register and few others survive a
/// call, and the JIT's allocator spills a variable where it was last written, in the hot part. Sums over arrays
/// became 2 to 3 times as slow from that, not from the test. The copy works on variables of its own, so nothing that
/// the loop keeps in registers is alive across the call. A goroutine in a loop of many rounds is in the copy from
/// its first stop on; the copy has the same test and is slower only by those registers.</para>
/// <para>Only for innermost loops without calls, outside every protected region (a handler could look at a variable
/// in between) and with an empty stack at head and exits. Variables whose address is taken are shared by both.</para>
/// </remarks>
internal static class ColdTwin
{
    // Guessed: such loops are short, and a long body hides what the call costs.
    private const int MaxBody = 100;

    public static bool IsPossible(MethodEditor editor, Loop loop)
    {
        if (loop.Last - loop.Head > MaxBody || loop.Sources.Count != 1 || editor.Body.ExceptionHandlers.Any(h => Touches(editor, h, loop)))
        {
            return false;
        }

        if (editor.StackDepth[loop.Head] != 0 || (loop.Last + 1 < editor.Code.Length && FallsThrough(editor, loop) && editor.StackDepth[loop.Last + 1] != 0))
        {
            return false;
        }

        for (int i = loop.Head; i <= loop.Last; i++)
        {
            if (editor.Targets(i).Any(t => (t < loop.Head || t > loop.Last) && editor.StackDepth[t] != 0))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Adds the twin.</summary>
    /// <param name="editor">The method.</param>
    /// <param name="loop">The loop.</param>
    /// <param name="check">Makes the twin's check from the map of its variables.</param>
    /// <returns>Where the loop's own check has to go when the poll word is up.</returns>
    public static Instruction Add(MethodEditor editor, Loop loop, Func<Func<Variable, Variable>, Instruction[]> check)
    {
        Dictionary<Variable, Variable> shadows = Shadows(editor, loop, out HashSet<Variable> stored);
        Variable Map(Variable variable) => shadows.TryGetValue(variable, out Variable shadow) ? shadow : variable;

        List<Instruction> code = [];
        foreach ((Variable original, Variable shadow) in shadows)
        {
            code.Add(original.Load());
            code.Add(shadow.Save());
        }

        Instruction[] twinCheck = check(Map);
        Instruction[] body = Copy(editor, loop, Map);
        foreach (Instruction branch in twinCheck.Where(i => i.Operand == MethodEditor.End))
        {
            branch.Operand = body[0];
        }

        // The back edge goes to the check, everything else inside to its copy, exits to a stub that writes back.
        Dictionary<int, Instruction> exits = [];
        List<Instruction> stubs = [];
        for (int i = 0; i < body.Length; i++)
        {
            bool isLeave = body[i].OpCode.Code is Code.Leave or Code.Leave_S;
            Instruction Target(Instruction old)
            {
                int index = editor.IndexOf(old);
                if (index == loop.Head)
                {
                    return twinCheck[0];
                }

                return index > loop.Head && index <= loop.Last ? body[index - loop.Head] : Exit(index, old, isLeave);
            }

            body[i].Operand = body[i].Operand switch
            {
                Instruction target => Target(target),
                Instruction[] targets => Array.ConvertAll(targets, Target),
                object other => other,
                null => null,
            };
        }

        code.AddRange(twinCheck);
        code.AddRange(body);
        if (FallsThrough(editor, loop))
        {
            code.Insert(0, Instruction.Create(OpCodes.Br, MethodEditor.End));
            code.AddRange(WriteBack());
            code.Add(Instruction.Create(OpCodes.Br, MethodEditor.End));
        }

        code.AddRange(stubs);
        editor.After(loop.Last, [.. code]);
        editor.CopyPoints(loop, body);
        return code[FallsThrough(editor, loop) ? 1 : 0];

        List<Instruction> WriteBack()
        {
            List<Instruction> result = [];
            foreach ((Variable original, Variable shadow) in shadows)
            {
                if (stored.Contains(original))
                {
                    result.Add(shadow.Load());
                    result.Add(original.Save());
                }
            }

            return result;
        }

        Instruction Exit(int index, Instruction target, bool isLeave)
        {
            if (!exits.TryGetValue(index, out Instruction? stub))
            {
                List<Instruction> writeBack = WriteBack();
                writeBack.Add(Instruction.Create(isLeave ? OpCodes.Leave : OpCodes.Br, target));
                exits.Add(index, stub = writeBack[0]);
                stubs.AddRange(writeBack);
            }

            return stub;
        }
    }

    private static bool FallsThrough(MethodEditor editor, Loop loop) =>
        editor.Code[loop.Last].OpCode.FlowControl is not (FlowControl.Branch or FlowControl.Return or FlowControl.Throw);

    private static bool Touches(MethodEditor editor, ExceptionHandler handler, Loop loop)
    {
        int start = editor.IndexOf(handler.TryStart);
        return start <= loop.Last && editor.IndexOfEnd(handler.HandlerEnd) > loop.Head;
    }

    private static Dictionary<Variable, Variable> Shadows(MethodEditor editor, Loop loop, out HashSet<Variable> stored)
    {
        HashSet<Variable> shared = [];
        stored = [];
        for (int i = 0; i < editor.Code.Length; i++)
        {
            if (Variable.Addressed(editor, i) is { } addressed)
            {
                shared.Add(addressed);
            }
        }

        Dictionary<Variable, Variable> shadows = [];
        for (int i = loop.Head; i <= loop.Last; i++)
        {
            Variable? written = Variable.Stored(editor, i);
            if ((Variable.Loaded(editor, i) ?? written) is { } variable && !shared.Contains(variable) && variable.Type is not PinnedType)
            {
                if (!shadows.ContainsKey(variable))
                {
                    VariableDefinition shadow = new(variable.Type);
                    editor.NewVariables.Add(shadow);
                    shadows.Add(variable, new Variable(shadow, variable.Type));
                }

                if (written is not null)
                {
                    stored.Add(variable);
                }
            }
        }

        return shadows;
    }

    private static Instruction[] Copy(MethodEditor editor, Loop loop, Func<Variable, Variable> map)
    {
        Instruction[] body = new Instruction[loop.Last - loop.Head + 1];
        for (int i = 0; i < body.Length; i++)
        {
            int index = loop.Head + i;
            if (Variable.Loaded(editor, index) is { } loaded && !map(loaded).Equals(loaded))
            {
                body[i] = map(loaded).Load();
            }
            else if (Variable.Stored(editor, index) is { } written && !map(written).Equals(written))
            {
                body[i] = map(written).Save();
            }
            else
            {
                body[i] = Instruction.Create(OpCodes.Nop);
                body[i].OpCode = editor.Code[index].OpCode;
                body[i].Operand = editor.Code[index].Operand;
            }
        }

        return body;
    }
}
