using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// Keeps the call of a check out of a tight loop: a poll that is up leaves the loop for a copy of it, which runs the
/// remaining rounds and leaves itself for the call. Loops within loops are copied together, as one nest.
/// </summary>
/// <remarks>
/// <code>
/// head: body; blt head            head: if (poll) goto enter; body; blt head; br after
///                                 enter: kept = x; br call
///                                 head': body'; blt next; x = x'; br after
///                                 next:  if (!poll) goto head'; kept = x'
///                                 call:  MoreStack(); x' = kept; br head'
/// after:                          after:
/// </code>
/// <para>One call in a loop, however cold, costs the loop its registers: no vector register and few others survive a
/// call, and the JIT's allocator spills a variable where it was last written, in the hot part. Sums over arrays
/// became 2 to 3 times as slow from that, not from the test. The copy works on variables of its own, so nothing that
/// the loop keeps in registers is alive across the call.</para>
/// <para>The poll word is one for all, so a long loop is in its copy from the first request to anybody on: the copy has to be as fast as
/// the loop. Its loops have the forms of the others (<see cref="Passes.LoopCheckPass"/>), the call lies outside them, and a third set of variables holds
/// the values meanwhile. With the call in the copy's rounds a matrix product was 7 times as slow there, an array sum twice.</para>
/// <para>The read stands at the end of a round: at the head, a word that is up for somebody else would let nobody make a round. Two ways
/// lead to the call, from the loop and from the copy; with one alone the JIT would see that kept is x' and keep x' over the call.</para>
/// <para>Only for loops without calls, where no handler can look at a variable in between, and with an empty stack at
/// head and exits. Variables whose address is kept somewhere are shared by both.</para>
/// </remarks>
internal sealed class LoopTwin
{
    // Guessed: what runs hot without calls is short, and a long body hides what the call costs.
    private const int MaxBody = 400;

    // Asking again before entering costs nothing and changes nothing, but the JIT takes a branch that leaves a loop for
    // unlikely: ten to one each time, so that the twin does not compete for registers.
    private const int ReasonsAtEntry = 3;

    private readonly MethodEditor _editor;
    private readonly Loop _nest;
    private readonly Dictionary<Variable, Variable> _shadows;
    private readonly Dictionary<Variable, Variable> _kept = [];
    private readonly HashSet<Variable> _stored;
    private readonly Liveness _liveness;
    private readonly List<Instruction> _code = [];
    private readonly List<CopiedLine> _lines = [];

    private LoopTwin(MethodEditor editor, Loop nest)
    {
        _editor = editor;
        _nest = nest;
        _shadows = Shadows(editor, nest, out _stored);
        _liveness = Liveness.Of(editor, _shadows.Keys);
        editor.NewVariables.AddRange(_shadows.Values.Select(v => (VariableDefinition)v.Definition));
    }

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
    /// <param name="copy">Has the edits that the twin's loops need.</param>
    /// <param name="stops">The twin's own ways to the call: one for each loop that has a check.</param>
    /// <param name="call">Makes the call.</param>
    public static void Add(MethodEditor editor, Loop nest, IReadOnlyList<WayOut> ways, MethodEditor copy, IReadOnlyList<WayOut> stops, Func<Instruction> call)
    {
        LoopTwin twin = new(editor, nest);
        Dictionary<Loop, Instruction[]> calls = stops.ToDictionary(s => s.Loop, s => twin.Call(s, call()));
        if (FallsThrough(editor, nest))
        {
            twin._code.Add(Instruction.Create(OpCodes.Br, MethodEditor.End));
        }

        foreach (WayOut way in ways)
        {
            twin.Enter(way, calls[way.Loop]);
        }

        twin.AddBody(copy, stops, calls);
        editor.NewVariables.AddRange(copy.NewVariables);
        editor.After(nest.Last, [.. twin._code]);
        editor.CopyLines(nest.Last, twin._lines);
    }

    // The call, and then on in the twin. Who has another reason to come than a word that is up comes behind the call.
    private Instruction[] Call(WayOut stop, Instruction call) =>
        [call, .. AliveAt(stop.Loop.Head).SelectMany(v => Move(Kept(v), _shadows[v])), Instruction.Create(OpCodes.Br, stop.GoOn)];

    private void Enter(WayOut way, Instruction[] call)
    {
        int first = _code.Count;
        for (int again = 0; again < ReasonsAtEntry; again++)
        {
            _code.AddRange(way.Reason());
            _code.Add(Instruction.Create(OpCodes.Brfalse, way.GoOn));
        }

        _code.AddRange([.. AliveAt(way.Loop.Head).SelectMany(v => Move(v, Kept(v))), Instruction.Create(OpCodes.Br, call[way.IsRequest ? 0 : 1])]);
        way.Branch.Operand = _code[first];
        _lines.Add(new CopiedLine(_code[first], way.Loop.Head, true));
    }

    // Who jumps back to a head meets its latch if it has one. Who leaves the nest writes back.
    private void AddBody(MethodEditor copy, IReadOnlyList<WayOut> stops, Dictionary<Loop, Instruction[]> calls)
    {
        Dictionary<int, Instruction> latches = stops.Where(s => s.Latch.Length > 0).ToDictionary(s => s.Loop.Head, s => s.Latch[0]);
        Dictionary<int, Instruction[]> exits = [];
        Instruction[] fall = FallsThrough(_editor, _nest) ? Exit(_nest.Last + 1, Instruction.Create(OpCodes.Br, MethodEditor.End)) : [];
        List<CopiedLine> lines = [];
        List<Instruction> body = copy.Excerpt(_nest, fall.FirstOrDefault(MethodEditor.End), Target, lines, out Instruction[] places);
        foreach (WayOut stop in stops)
        {
            AddStop(stop, calls[stop.Loop], places);
        }

        body.ForEach(Rename);
        _code.AddRange(body);
        _lines.AddRange(lines);
        if (fall.Length > 0)
        {
            AddExit(_nest.Last + 1, fall);
        }

        foreach ((int target, Instruction[] exit) in exits)
        {
            AddExit(target, exit);
        }

        Instruction? Target(Instruction branch, int from, int target)
        {
            if (target >= _nest.Head && target <= _nest.Last)
            {
                return target <= from ? latches.GetValueOrDefault(target) : null;
            }

            if (!exits.TryGetValue(target, out Instruction[]? exit))
            {
                OpCode code = branch.OpCode.Code is Code.Leave or Code.Leave_S ? OpCodes.Leave : OpCodes.Br;
                exits.Add(target, exit = Exit(target, Instruction.Create(code, _editor.Code[target])));
            }

            return exit[0];
        }
    }

    private Instruction[] Exit(int target, Instruction branch) =>
        [.. AliveAt(target).Where(_stored.Contains).SelectMany(v => Move(_shadows[v], v)), branch];

    private void AddExit(int target, Instruction[] exit)
    {
        // Copies and writes back cannot throw, but the JIT may merge their place with that of what follows: so they have its line.
        _lines.Add(new CopiedLine(exit[0], target, true));
        _code.AddRange(exit);
    }

    private void AddStop(WayOut stop, Instruction[] call, Instruction[] places)
    {
        int head = stop.Loop.Head;
        Instruction round = places[head - _nest.Head];
        int first = _code.Count;
        if (stop.Latch.Length > 0)
        {
            Array.ForEach(stop.Latch, Rename);
            foreach (Instruction skip in stop.Latch.Where(i => i.Operand == MethodEditor.End))
            {
                skip.Operand = round;
            }

            _code.AddRange([.. stop.Latch, Instruction.Create(OpCodes.Br, round)]);
        }

        Instruction[] save = [.. AliveAt(head).SelectMany(v => Move(_shadows[v], Kept(v))), .. call];
        stop.Branch.Operand = save[0];
        if (stop.GoOn == _editor.Code[head])
        {
            call[^1].Operand = round;
        }

        _code.AddRange(save);
        _lines.Add(new CopiedLine(_code[first], head, true));
    }

    // The copy's variables instead of the loop's.
    private void Rename(Instruction instruction)
    {
        Instruction? renamed =
            Variable.Loaded(_editor, instruction) is { } loaded && _shadows.TryGetValue(loaded, out Variable shadow) ? shadow.Load()
            : Variable.Stored(_editor, instruction) is { } stored && _shadows.TryGetValue(stored, out shadow) ? shadow.Save()
            : Variable.Addressed(instruction) is { } addressed && _shadows.TryGetValue(addressed, out shadow) ? shadow.Address()
            : null;
        if (renamed is not null)
        {
            instruction.OpCode = renamed.OpCode;
            instruction.Operand = renamed.Operand;
        }
    }

    private Variable Kept(Variable variable)
    {
        if (!_kept.TryGetValue(variable, out Variable kept))
        {
            _kept.Add(variable, kept = NewVariable(variable.Type));
            _editor.NewVariables.Add((VariableDefinition)kept.Definition);
        }

        return kept;
    }

    private IEnumerable<Variable> AliveAt(int index) => _shadows.Keys.Where(v => _liveness.IsAlive(v, index));

    private static Instruction[] Move(Variable from, Variable to) => [from.Load(), to.Save()];

    private static Variable NewVariable(TypeReference type) => new(new VariableDefinition(type), type);

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
                    shadows.Add(variable, NewVariable(variable.Type));
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
}

/// <summary>A way from a loop to the call.</summary>
/// <param name="Loop">The loop.</param>
/// <param name="Reason">Makes code that pushes something other than 0 when the way is to be taken.</param>
/// <param name="Branch">The branch that takes it; its target is set when the twin is there.</param>
/// <param name="GoOn">Where the loop goes on if it is not to be taken after all, and the twin's after the call.</param>
internal sealed record WayOut(Loop Loop, Func<Instruction[]> Reason, Instruction Branch, Instruction GoOn)
{
    /// <summary>Whether the reason is a word that is up; else the loop only has to go on in the twin.</summary>
    public bool IsRequest { get; init; } = true;

    /// <summary>In the twin: what jumps back to the head come to first, if no edit has put the branch into the loop. Skipped by jumps to <see cref="MethodEditor.End"/>.</summary>
    public Instruction[] Latch { get; init; } = [];
}
