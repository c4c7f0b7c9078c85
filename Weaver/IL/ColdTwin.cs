using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// Keeps the call of a check out of a tight loop: a poll that is up leaves the loop for a copy of it, which runs the
/// remaining rounds and has the call. Loops within loops are copied together, as one nest.
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
/// <para>Only for loops without calls, where no handler can look at a variable in between, and with an empty stack at
/// head and exits. Variables whose address is kept somewhere are shared by both.</para>
/// </remarks>
internal static class ColdTwin
{
    // Guessed: what runs hot without calls is short, and a long body hides what the call costs.
    private const int MaxBody = 400;

    // Asking again before entering costs nothing and changes nothing, but the JIT takes a branch that leaves a loop for
    // unlikely: ten to one each time, so that the twin does not compete for registers.
    private const int ReasonsAtEntry = 3;

    public static bool IsPossible(MethodEditor editor, Loop loop)
    {
        if (loop.Last - loop.Head > MaxBody || !IsUnobserved(editor, loop) || Shadows(editor, loop, out _).Count > Liveness.Capacity)
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

    /// <summary>Adds the twin of a nest of loops.</summary>
    /// <param name="editor">The method.</param>
    /// <param name="nest">The outermost loop.</param>
    /// <param name="ways">The ways into it: one or more for each loop that has a check.</param>
    /// <param name="check">Makes the check of one loop in the twin, given the map of its variables.</param>
    public static void Add(MethodEditor editor, Loop nest, IReadOnlyList<ToTwin> ways, Func<Loop, Func<Variable, Variable>, Instruction[]> check)
    {
        Dictionary<Variable, Variable> shadows = Shadows(editor, nest, out HashSet<Variable> stored);
        Liveness liveness = Liveness.Of(editor, shadows.Keys);
        foreach (Variable shadow in shadows.Values)
        {
            editor.NewVariables.Add((VariableDefinition)shadow.Definition);
        }

        Variable Map(Variable variable) => shadows.TryGetValue(variable, out Variable shadow) ? shadow : variable;

        Instruction[] body = Copy(editor, nest, Map);
        Dictionary<int, Instruction[]> checks = [];
        foreach (Loop loop in ways.Select(w => w.Loop).Distinct())
        {
            Instruction[] code = check(loop, Map);
            checks.Add(loop.Head, code);
            foreach (Instruction branch in code.Where(i => i.Operand == MethodEditor.End))
            {
                branch.Operand = body[loop.Head - nest.Head];
            }
        }

        // Whoever comes to a head in the twin meets its check; exits go to a stub that writes back.
        Dictionary<int, Instruction> exits = [];
        List<Instruction> stubs = [];
        List<CopiedLine> stubLines = [];
        for (int i = 0; i < body.Length; i++)
        {
            bool isLeave = body[i].OpCode.Code is Code.Leave or Code.Leave_S;
            Instruction Target(Instruction old)
            {
                int index = editor.IndexOf(old);
                if (index < nest.Head || index > nest.Last)
                {
                    return Exit(index, old, isLeave);
                }

                return checks.TryGetValue(index, out Instruction[]? head) ? head[0] : body[index - nest.Head];
            }

            body[i].Operand = body[i].Operand switch
            {
                Instruction target => Target(target),
                Instruction[] targets => Array.ConvertAll(targets, Target),
                object other => other,
                null => null,
            };
        }

        // Copies and writes back cannot throw, but the JIT may merge their place with that of what follows: so they
        // have the line of what follows.
        List<Instruction> twin = [];
        List<CopiedLine> lines = [];
        if (FallsThrough(editor, nest))
        {
            twin.Add(Instruction.Create(OpCodes.Br, MethodEditor.End));
        }

        foreach (ToTwin way in ways)
        {
            int first = twin.Count;
            for (int again = 0; again < ReasonsAtEntry; again++)
            {
                twin.AddRange(way.Reason());
                twin.Add(Instruction.Create(OpCodes.Brfalse, way.GoOn));
            }

            foreach ((Variable original, Variable shadow) in shadows)
            {
                if (liveness.IsAlive(original, way.Loop.Head))
                {
                    twin.Add(original.Load());
                    twin.Add(shadow.Save());
                }
            }

            twin.Add(Instruction.Create(OpCodes.Br, checks[way.Loop.Head][0]));
            way.Branch.Operand = twin[first];
            lines.Add(new CopiedLine(twin[first], way.Loop.Head, true));
        }

        for (int i = 0; i < body.Length; i++)
        {
            Instruction start = body[i];
            if (checks.TryGetValue(nest.Head + i, out Instruction[]? head))
            {
                twin.AddRange(head);
                start = head[0];
            }

            lines.Add(new CopiedLine(start, nest.Head + i, false));
            twin.Add(body[i]);
        }

        if (FallsThrough(editor, nest))
        {
            List<Instruction> writeBack = WriteBack(nest.Last + 1);
            writeBack.Add(Instruction.Create(OpCodes.Br, MethodEditor.End));
            lines.Add(new CopiedLine(writeBack[0], nest.Last + 1, true));
            twin.AddRange(writeBack);
        }

        twin.AddRange(stubs);
        lines.AddRange(stubLines);
        editor.After(nest.Last, [.. twin]);
        editor.CopyLines(nest.Last, lines);
        List<Instruction> WriteBack(int target)
        {
            List<Instruction> result = [];
            foreach ((Variable original, Variable shadow) in shadows)
            {
                if (stored.Contains(original) && liveness.IsAlive(original, target))
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
                List<Instruction> writeBack = WriteBack(index);
                writeBack.Add(Instruction.Create(isLeave ? OpCodes.Leave : OpCodes.Br, target));
                exits.Add(index, stub = writeBack[0]);
                stubs.AddRange(writeBack);
                stubLines.Add(new CopiedLine(stub, index, true));
            }

            return stub;
        }
    }

    private static bool FallsThrough(MethodEditor editor, Loop loop) =>
        editor.Code[loop.Last].OpCode.FlowControl is not (FlowControl.Branch or FlowControl.Return or FlowControl.Throw);

    // Code that runs when the loop throws must not look at variables that the loop has changed: only finally blocks
    // around it, and those without mention of such a variable.
    private static bool IsUnobserved(MethodEditor editor, Loop loop)
    {
        foreach (ExceptionHandler handler in editor.Body.ExceptionHandlers)
        {
            int start = editor.IndexOf(handler.TryStart);
            int tryEnd = editor.IndexOf(handler.TryEnd);
            int end = editor.IndexOfEnd(handler.HandlerEnd);
            if (start > loop.Last || end <= loop.Head)
            {
                continue;
            }

            bool isAround = start <= loop.Head && tryEnd > loop.Last;
            if (!isAround || handler.HandlerType is not (ExceptionHandlerType.Finally or ExceptionHandlerType.Fault))
            {
                return false;
            }

            HashSet<Variable> read = [];
            for (int i = tryEnd; i < end; i++)
            {
                if ((Variable.Loaded(editor, i) ?? Variable.Addressed(editor, i)) is { } variable && !IsIdleDispose(editor, i))
                {
                    read.Add(variable);
                }
            }

            for (int i = loop.Head; i <= loop.Last; i++)
            {
                if ((Variable.Stored(editor, i) ?? Variable.Addressed(editor, i)) is { } variable && read.Contains(variable))
                {
                    return false;
                }
            }
        }

        return true;
    }

    // The finally block of a foreach over a list: ldloca e; constrained. List<T>.Enumerator; callvirt Dispose.
    private static bool IsIdleDispose(MethodEditor editor, int index) =>
        index + 2 < editor.Code.Length
        && editor.Code[index + 1].OpCode.Code == Code.Constrained
        && editor.Code[index + 2].Operand is MethodReference { Name: "Dispose" }
        && editor.Code[index + 1].Operand is TypeReference type
        && type.GetElementType().FullName == "System.Collections.Generic.List`1/Enumerator";

    private static Dictionary<Variable, Variable> Shadows(MethodEditor editor, Loop loop, out HashSet<Variable> stored)
    {
        HashSet<Variable> shared = [];
        stored = [];
        for (int i = 0; i < editor.Code.Length; i++)
        {
            if (Variable.Addressed(editor, i) is { } addressed && !IsPassingReceiver(editor, i))
            {
                shared.Add(addressed);
            }
        }

        Dictionary<Variable, Variable> shadows = [];
        for (int i = loop.Head; i <= loop.Last; i++)
        {
            Variable? written = Variable.Stored(editor, i) ?? Variable.Addressed(editor, i);
            if ((Variable.Loaded(editor, i) ?? written) is { } variable && !shared.Contains(variable) && variable.Type is not PinnedType)
            {
                if (!shadows.ContainsKey(variable))
                {
                    shadows.Add(variable, new Variable(new VariableDefinition(variable.Type), variable.Type));
                }

                if (written is not null)
                {
                    stored.Add(variable);
                }
            }
        }

        return shadows;
    }

    // ldloca x; call instance primitive-or-object X::M(): the address is gone when the call returns.
    private static bool IsPassingReceiver(MethodEditor editor, int index)
    {
        int call = index + 1;
        while (call < editor.Code.Length && editor.Code[call].OpCode.OpCodeType == OpCodeType.Prefix)
        {
            call++;
        }

        return call < editor.Code.Length
            && editor.Code[call].OpCode.FlowControl == FlowControl.Call
            && editor.Code[call].Operand is MethodReference { HasThis: true, HasParameters: false } method
            && (method.ReturnType.IsPrimitive || method.ReturnType.MetadataType is MetadataType.Void or MetadataType.String or MetadataType.Object or MetadataType.Class or MetadataType.Var);
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
            else if (Variable.Addressed(editor, index) is { } addressed && !map(addressed).Equals(addressed))
            {
                body[i] = map(addressed).Address();
            }
            else
            {
                body[i] = MethodEditor.Copy(editor.Code[index]);
            }
        }

        return body;
    }
}

/// <summary>A way from a loop to its twin.</summary>
/// <param name="Loop">The loop; it comes in at the loop's check.</param>
/// <param name="Reason">Makes code that pushes something other than 0 when the way is to be taken.</param>
/// <param name="Branch">The branch that takes it; its target is set when the twin is there.</param>
/// <param name="GoOn">Where the loop goes on if it is not to be taken after all.</param>
internal sealed record ToTwin(Loop Loop, Func<Instruction[]> Reason, Instruction Branch, Instruction GoOn);
