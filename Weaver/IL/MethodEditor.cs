using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// Collects edits of one body and applies them by building the instruction list anew, once.
/// </summary>
/// <remarks>
/// <para>Nothing of the body changes before <see cref="Commit"/>, so a pass that throws leaves the method as it
/// was. Instructions are addressed by their index in the original list. Who lands on inserted code is part of each
/// edit: what is put <see cref="Before"/> an instruction is met by everybody who comes to it (branches, switch
/// tables, the five handler fields, the sequence point); what is put <see cref="After"/> one only by falling
/// through from it; the <see cref="Prologue"/> by the caller alone.</para>
/// <para>The exception is a try block that begins at a loop head whose back edges all come from outside it: there a
/// check that throws must not be caught by that block, so the handler keeps its old start.</para>
/// <para>Cecil's own Insert was rejected: it shifts the list and searches the debug information each time, and a
/// branch to the instruction behind the insertion jumps over it.</para>
/// </remarks>
internal sealed class MethodEditor
{
    private readonly Dictionary<int, List<Instruction[]>> _before = [];
    private readonly Dictionary<int, List<Instruction[]>> _after = [];
    private readonly List<Instruction> _openEnds = [];
    private readonly List<Instruction> _jumpsToOriginals = [];
    private readonly Dictionary<int, Instruction> _replaced = [];
    private readonly Dictionary<int, Instruction> _retargeted = [];
    private readonly HashSet<(ExceptionHandler, int)> _keptOutside = [];
    private readonly SortedDictionary<int, List<CopiedLine>> _copies = [];
    private readonly int[] _indexByOffset;
    private int[]? _stackDepth;
    private int[][]? _targets;

    /// <summary>As a branch operand of inserted code: whatever comes right behind what was inserted with it.</summary>
    public static Instruction End { get; } = Instruction.Create(OpCodes.Nop);

    public MethodEditor(MethodDefinition method)
    {
        Method = method;
        Body = method.Body;
        Code = [.. Body.Instructions];
        _indexByOffset = new int[Code.Length == 0 ? 1 : Code[^1].Offset + 1];
        for (int i = 0; i < Code.Length; i++)
        {
            _indexByOffset[Code[i].Offset] = i;
        }
    }

    public MethodDefinition Method { get; }

    public MethodBody Body { get; }

    /// <summary>The instructions as they were read.</summary>
    public Instruction[] Code { get; }

    /// <summary>Code run on entry, before everything else; no branch leads to it.</summary>
    public List<Instruction[]> Prologue { get; } = [];

    /// <summary>Whether the method gets AggressiveInlining.</summary>
    public bool IsInlined { get; set; }

    /// <summary>Locals that inserted code needs.</summary>
    public List<VariableDefinition> NewVariables { get; } = [];

    public bool HasEdits => Prologue.Count + _before.Count + _after.Count + _replaced.Count > 0;

    /// <summary>Height of the evaluation stack before each instruction; -1 where it is not reached.</summary>
    public int[] StackDepth => _stackDepth ??= IL.StackDepth.Compute(this);

    public int IndexOf(Instruction instruction) => _indexByOffset[instruction.Offset];

    /// <summary>Index just behind a region; the end of the method is the number of instructions.</summary>
    public int IndexOfEnd(Instruction? end) => end is null ? Code.Length : IndexOf(end);

    /// <summary>Indices a branch or switch can jump to; empty for anything else.</summary>
    public int[] Targets(int index) => (_targets ??= Array.ConvertAll(Code, i => i.Operand switch
    {
        Instruction target => [IndexOf(target)],
        Instruction[] targets => Array.ConvertAll(targets, IndexOf),
        _ => Array.Empty<int>(),
    }))[index];

    public void Before(int index, params Instruction[] code) => Add(_before, SkipPrefixes(index), code);

    public void After(int index, params Instruction[] code) => Add(_after, index, code);

    public void Replace(int index, Instruction instruction) => _replaced[index] = instruction;

    /// <summary>Makes an original branch jump to an inserted instruction.</summary>
    public void Retarget(int branch, Instruction inserted) => _retargeted[branch] = inserted;

    /// <summary>Takes the prefixes away that stand before an instruction, where one has the given code.</summary>
    public void DropPrefix(int index, Code prefix)
    {
        for (int i = index - 1; i >= 0 && Code[i].OpCode.OpCodeType == OpCodeType.Prefix; i--)
        {
            if (Code[i].OpCode.Code == prefix)
            {
                Replace(i, Instruction.Create(OpCodes.Nop));
            }
        }
    }

    /// <summary>Leaves the start of a try block behind what was put before the instruction at its head.</summary>
    public void KeepOutside(ExceptionHandler handler, int index) => _keptOutside.Add((handler, index));

    /// <summary>Gives code that was put after an instruction the lines of originals, in the order of that code.</summary>
    public void CopyLines(int after, List<CopiedLine> lines)
    {
        if (!_copies.TryAdd(after, lines))
        {
            _copies[after] = [.. _copies[after], .. lines];
        }
    }

    /// <summary>An instruction of its own with the same code and operand.</summary>
    public static Instruction Copy(Instruction instruction)
    {
        Instruction copy = Instruction.Create(OpCodes.Nop);
        copy.OpCode = instruction.OpCode;
        copy.Operand = instruction.Operand;
        return copy;
    }

    /// <summary>A copy of a stretch of the code with the edits of this editor applied, which then leaves the method as it is.</summary>
    /// <param name="range">The stretch.</param>
    /// <param name="next">What comes right behind it.</param>
    /// <param name="target">
    /// Where a jump goes: the jump, its index (-1 if an edit has brought it) and that of its target; null for the target's place in the copy.
    /// </param>
    /// <param name="lines">Gets the lines of the copy.</param>
    /// <param name="places">Where who comes to an instruction of the stretch lands in the copy.</param>
    public List<Instruction> Excerpt(Loop range, Instruction next, Func<Instruction, int, int, Instruction?> target, List<CopiedLine> lines, out Instruction[] places)
    {
        Instruction[] own = new Instruction[range.Last - range.Head + 1];
        Instruction[] heads = places = new Instruction[own.Length];
        List<Instruction> result = [];
        for (int i = range.Head; i <= range.Last; i++)
        {
            Instruction copy = own[i - range.Head] = Copy(_replaced.TryGetValue(i, out Instruction? replacement) ? replacement : Code[i]);
            heads[i - range.Head] = copy;
            if (_before.TryGetValue(i, out List<Instruction[]>? before))
            {
                heads[i - range.Head] = before[0][0];
                before.ForEach(code => Insert(result, code));
            }

            Append(result, copy);
            lines.Add(new CopiedLine(heads[i - range.Head], i, false));
            if (_after.TryGetValue(i, out List<Instruction[]>? after))
            {
                after.ForEach(code => Insert(result, code));
                lines.AddRange(_copies.GetValueOrDefault(i) ?? []);
            }
        }

        foreach (Instruction branch in _openEnds)
        {
            branch.Operand = next;
        }

        for (int i = range.Head; i <= range.Last; i++)
        {
            Instruction copy = own[i - range.Head];
            copy.Operand = _retargeted.TryGetValue(i, out Instruction? inserted) ? inserted : copy.Operand switch
            {
                Instruction old => Place(copy, i, old),
                Instruction[] olds => Array.ConvertAll(olds, old => Place(copy, i, old)),
                object other => other,
                null => null,
            };
        }

        foreach (Instruction branch in _jumpsToOriginals)
        {
            branch.Operand = Place(branch, -1, (Instruction)branch.Operand);
        }

        return result;

        Instruction Place(Instruction branch, int from, Instruction old) => target(branch, from, IndexOf(old)) ?? heads[IndexOf(old) - range.Head];
    }

    public void Commit()
    {
        Instruction[] heads = new Instruction[Code.Length];
        Instruction[] own = new Instruction[Code.Length];
        List<Instruction> result = new(Code.Length + (8 * (_before.Count + _after.Count)) + (8 * Prologue.Count));
        Prologue.ForEach(code => Insert(result, code));
        for (int i = 0; i < Code.Length; i++)
        {
            own[i] = _replaced.TryGetValue(i, out Instruction? replacement) ? replacement : Code[i];
            heads[i] = own[i];
            if (_before.TryGetValue(i, out List<Instruction[]>? before))
            {
                heads[i] = before[0][0];
                before.ForEach(code => Insert(result, code));
            }

            Append(result, own[i]);
            if (_after.TryGetValue(i, out List<Instruction[]>? after))
            {
                after.ForEach(code => Insert(result, code));
            }
        }

        for (int i = 0; i < own.Length; i++)
        {
            Instruction instruction = own[i];
            instruction.Operand = _retargeted.TryGetValue(i, out Instruction? inserted) ? inserted : instruction.Operand switch
            {
                Instruction target => heads[IndexOf(target)],
                Instruction[] targets => Array.ConvertAll(targets, t => heads[IndexOf(t)]),
                object other => other,
                null => null,
            };
        }

        // Inserted code that jumps to an original instruction meets what was put before that one too.
        foreach (Instruction branch in _jumpsToOriginals)
        {
            branch.Operand = heads[IndexOf((Instruction)branch.Operand)];
        }

        foreach (ExceptionHandler handler in Body.ExceptionHandlers)
        {
            int tryStart = IndexOf(handler.TryStart);
            handler.TryStart = _keptOutside.Contains((handler, tryStart)) ? own[tryStart] : heads[tryStart];
            handler.TryEnd = Moved(handler.TryEnd);
            handler.HandlerStart = Moved(handler.HandlerStart);
            handler.HandlerEnd = Moved(handler.HandlerEnd);
            handler.FilterStart = Moved(handler.FilterStart);
        }

        NewVariables.ForEach(Body.Variables.Add);
        Method.ImplAttributes |= IsInlined ? MethodImplAttributes.AggressiveInlining : default;
        MoveSequencePoints(heads);
        Body.Instructions.Clear();
        foreach (Instruction instruction in result)
        {
            Body.Instructions.Add(instruction);
        }

        BranchForms.WidenWhereNeeded(result);

        Instruction? Moved(Instruction? old) => old is null ? null : heads[IndexOf(old)];
    }

    // A sequence point stays with the statement's first instruction, which may now be ours; the first of a method
    // must be at offset 0, or a trace through the prologue has no line.
    private void MoveSequencePoints(Instruction[] heads)
    {
        if (!Method.DebugInformation.HasSequencePoints)
        {
            return;
        }

        Mono.Collections.Generic.Collection<SequencePoint> points = Method.DebugInformation.SequencePoints;
        SequencePoint[] old = [.. points];
        int[] indices = Array.ConvertAll(old, p => p.Offset < _indexByOffset.Length ? _indexByOffset[p.Offset] : Code.Length);
        Queue<KeyValuePair<int, List<CopiedLine>>> copies = new(_copies);
        points.Clear();
        for (int i = 0; i < old.Length; i++)
        {
            while (copies.TryPeek(out KeyValuePair<int, List<CopiedLine>> next) && indices[i] > next.Key)
            {
                AddLines(copies.Dequeue().Value);
            }

            Instruction? head = indices[i] == Code.Length ? null : old[i].Offset == 0 && Prologue.Count > 0 ? Prologue[0][0] : heads[indices[i]];
            points.Add(head is null || head == Code[indices[i]] ? old[i] : At(head, old[i]));
        }

        while (copies.Count > 0)
        {
            AddLines(copies.Dequeue().Value);
        }

        void AddLines(List<CopiedLine> lines)
        {
            foreach (CopiedLine line in lines)
            {
                int at = Array.BinarySearch(indices, line.Index);
                if (at >= 0 || (line.IsWithin && ~at > 0))
                {
                    points.Add(At(line.Instruction, old[at >= 0 ? at : ~at - 1]));
                }
            }
        }

        static SequencePoint At(Instruction instruction, SequencePoint point) => new(instruction, point.Document)
        {
            StartLine = point.StartLine,
            StartColumn = point.StartColumn,
            EndLine = point.EndLine,
            EndColumn = point.EndColumn,
        };
    }

    private int SkipPrefixes(int index)
    {
        while (index > 0 && Code[index - 1].OpCode.OpCodeType == OpCodeType.Prefix)
        {
            index--;
        }

        return index;
    }

    private static void Add(Dictionary<int, List<Instruction[]>> edits, int index, Instruction[] code)
    {
        if (!edits.TryGetValue(index, out List<Instruction[]>? list))
        {
            edits.Add(index, list = []);
        }

        list.Add(code);
    }

    private void Insert(List<Instruction> result, Instruction[] code)
    {
        Append(result, code[0]);
        result.AddRange(code.AsSpan(1));
        foreach (Instruction instruction in code)
        {
            if (instruction.Operand == End)
            {
                _openEnds.Add(instruction);
            }
            else if (instruction.Operand is Instruction target && Code[_indexByOffset[target.Offset]] == target)
            {
                _jumpsToOriginals.Add(instruction);
            }
        }
    }

    private void Append(List<Instruction> result, Instruction instruction)
    {
        foreach (Instruction branch in _openEnds)
        {
            branch.Operand = instruction;
        }

        _openEnds.Clear();
        result.Add(instruction);
    }
}

/// <summary>An inserted instruction that stands for an original one in stack traces.</summary>
/// <param name="Instruction">The inserted one.</param>
/// <param name="Index">Index of the original.</param>
/// <param name="IsWithin">Gets the line of the statement that the original is part of, not only if it begins one.</param>
internal readonly record struct CopiedLine(Instruction Instruction, int Index, bool IsWithin);
