using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// A counted loop that turns out to be short runs as it was, without any check; a long one runs in a copy that has it.
/// </summary>
/// <remarks>
/// <code>
/// for (i = a; i &lt; n; i++) body       i = a;
///                                     if ((long)n - i > few) goto long;
///                                     for (; i &lt; n; i++) body
///                                     goto after;
///                               long: for (; i &lt; n; i++) { if ((i &amp; mask) == 0 &amp;&amp; poll) goto twin; body }
/// </code>
/// <para>Most loops run few rounds, many times: rows of matrices, words, permutations. Any test in the loop costs them
/// two instructions a round, and takes from the JIT what it does best when it knows start, step and bound: running
/// pointers, counting down, unrolling. Here they pay one comparison when they are entered. The enclosing loop's
/// check bounds what they add up to. What "few" is depends on the work of one round, <see cref="Passes.LoopPace"/>.</para>
/// <para>Tried and dropped: strip-mining, that is an outer loop that moves a limit forward in chunks around the loop as it was.
/// Then the JIT no longer knows the first value of the counter: sums over arrays took 1.3 to 1.7 times as long. A loop around
/// loops has less to lose, and a copy of it more to cost, so that is done there, <see cref="ApplyInPlace"/>.</para>
/// <para>Only the form that compilers give a for loop: entered by one jump to its condition, which is the last thing
/// in it and compares the counter with something that can't change meanwhile. In 64 bits, since a difference of two
/// ints may not fit in one. A bound so close to the ends of int that the counter would step over it counts as long.</para>
/// </remarks>
internal sealed class CountedLoop
{
    // Beyond this a test is nothing beside the rest of the round.
    private const int MaxBody = 100;

    // ldarg.0; ldfld; ldfld; ldlen; conv.i4 and the counter's load
    private const int MaxBound = 6;

    private readonly MethodEditor _editor;
    private readonly Loop _loop;
    private readonly Counter _counter;
    private readonly int _condition;
    private readonly List<CopiedLine> _lines = [];

    private CountedLoop(MethodEditor editor, Loop loop, Counter counter, int condition)
    {
        _editor = editor;
        _loop = loop;
        _counter = counter;
        _condition = condition;
    }

    /// <summary>Recognises a loop; its single back edge and its counter are the caller's finding.</summary>
    public static CountedLoop? Find(MethodEditor editor, Loop loop, Counter counter)
    {
        int condition = Condition(editor, loop, counter);
        return condition > counter.Store
            && counter.IsSigned32
            && editor.Code[loop.Last].OpCode.Code is Code.Blt or Code.Blt_S or Code.Ble or Code.Ble_S or Code.Bgt or Code.Bgt_S or Code.Bge or Code.Bge_S
            && IsUp(editor.Code[loop.Last].OpCode.Code) == counter.Step > 0
            && SteadyBound.IsSteady(editor, loop, condition + 1)
            && editor.StackDepth[condition] == 0
            && IsEnteredAt(editor, loop, condition)
            && loop.Last - loop.Head <= MaxBody
            && !loop.HasSwitch(editor)
                ? new CountedLoop(editor, loop, counter, condition)
                : null;
    }

    /// <summary>Whether the last thing in a loop is to compare its counter with something.</summary>
    public static bool EndsWithCounter(MethodEditor editor, Loop loop, Counter counter) => Condition(editor, loop, counter) > 0;

    /// <summary>How many rounds the loop can run at most, where start and bound are constants.</summary>
    public long? ConstantRounds() =>
        _loop.Last - _condition == 2 && IsBoundSafe() && ConstantStart() is { } start && Counter.Constant(_editor.Code[_condition + 1]) is { } bound
            ? Math.Max(0, ((bound - start) / _counter.Step) + 1)
            : null;

    // ldc start; stloc i; br condition, where nobody lands but on the first.
    private long? ConstantStart() =>
        _loop.Head >= 3
        && Variable.Stored(_editor, _loop.Head - 2)?.Equals(_counter.Variable) == true
        && !Enumerable.Range(0, _editor.Code.Length).Any(i => _editor.Targets(i).Any(t => t == _loop.Head - 1 || t == _loop.Head - 2))
            ? Counter.Constant(_editor.Code[_loop.Head - 3])
            : null;

    /// <summary>Adds the copy. To be called before code of others is put after the loop's last instruction.</summary>
    /// <param name="rounds">Rounds that count as few.</param>
    /// <param name="pace">How often the copy reads the word if it has to test its counter.</param>
    /// <param name="poll">Makes a read of the poll word.</param>
    /// <returns>The way to the twin.</returns>
    public WayOut Apply(int rounds, Instruction[] pace, Func<Instruction[]> poll)
    {
        Instruction whenUp = Instruction.Create(OpCodes.Brtrue, MethodEditor.End);
        Instruction[] copy = IsBoundSafe() ? Chunks(rounds, poll(), whenUp, out Instruction entry, out Instruction goOn) : Tested(pace, poll(), whenUp, out entry, out goOn);
        Instruction[] measure =
        [
            .. IsBoundSafe() ? (Instruction[])[] : FarOut(entry),
            .. IsLong(rounds, entry),
            Instruction.Create(OpCodes.Br, _editor.Code[_condition]),
        ];
        _editor.CopyLines(_loop.Last, [new CopiedLine(measure[0], _condition, true), .. _lines]);
        _editor.After(_loop.Last, [Instruction.Create(OpCodes.Br, MethodEditor.End), .. measure, .. copy]);
        _editor.Retarget(_loop.Head - 1, measure[0]);
        return new WayOut(_loop, poll, whenUp, goOn);
    }

    // if (bound - i > few) goto entry
    private Instruction[] IsLong(int rounds, Instruction entry)
    {
        long last = (ConstantStart() ?? long.MaxValue) + ((long)rounds * _counter.Step);
        return ConstantStart() is not null && last is >= int.MinValue and <= int.MaxValue
            ? [.. Bound(), Instruction.Create(OpCodes.Ldc_I4, (int)last), Instruction.Create(_counter.Step > 0 ? OpCodes.Bgt : OpCodes.Blt, entry)]
            : [.. Distance(Bound(), rounds), Instruction.Create(OpCodes.Bgt, entry)];
    }

    /// <summary>
    /// Runs a loop around loops in chunks where it stands, without a copy. For loops whose inner ones read the word
    /// themselves: then the rounds of a chunk add up to little.
    /// </summary>
    /// <remarks>
    /// A limit at an end of int would make a chunk endless, so with such a one the loop is left for its twin, which has
    /// a check in every round. To be called before code of others is put after the loop's last instruction.
    /// </remarks>
    /// <param name="rounds">Rounds of a chunk.</param>
    /// <param name="poll">Makes a read of the poll word.</param>
    /// <returns>The ways to the twin.</returns>
    public WayOut[] ApplyInPlace(int rounds, Func<Instruction[]> poll)
    {
        VariableDefinition limit = NewLimit();
        Instruction whenUp = Instruction.Create(OpCodes.Brtrue, MethodEditor.End);
        Instruction[] setLimit = SetLimit(limit, rounds);
        List<WayOut> ways = [new WayOut(_loop, poll, whenUp, setLimit[0])];
        List<Instruction> code = [.. ChunkEnd(poll(), whenUp), .. setLimit];
        if (!IsBoundSafe())
        {
            Instruction whenFar = Instruction.Create(OpCodes.Brtrue, MethodEditor.End);
            code.AddRange([.. IsFarOut(), whenFar]);
            ways.Add(new WayOut(_loop, IsFarOut, whenFar, _editor.Code[_loop.Head]) { IsRequest = false });
        }

        _editor.CopyLines(_loop.Last, [new CopiedLine(setLimit[0], _condition, true)]);
        _editor.After(_loop.Last, [.. code, Instruction.Create(OpCodes.Br, _editor.Code[_loop.Head])]);
        _editor.Retarget(_loop.Head - 1, setLimit[0]);
        for (int i = _condition + 1; i < _loop.Last - 1; i++)
        {
            _editor.Replace(i, Instruction.Create(OpCodes.Nop));
        }

        _editor.Replace(_loop.Last - 1, Instruction.Create(OpCodes.Ldloc, limit));
        return [.. ways];

        Instruction[] IsFarOut() =>
        [
            Instruction.Create(OpCodes.Ldloc, limit),
            Instruction.Create(OpCodes.Ldc_I4, FarEnd),
            Instruction.Create(_counter.Step > 0 ? OpCodes.Cgt : OpCodes.Clt),
        ];
    }

    // The copy in chunks.
    private Instruction[] Chunks(int rounds, Instruction[] poll, Instruction whenUp, out Instruction entry, out Instruction goOn)
    {
        VariableDefinition limit = NewLimit();
        Instruction[] setLimit = SetLimit(limit, rounds);
        Instruction[] copy = _loop.Copy(_editor);
        int bound = _condition + 1 - _loop.Head;
        _lines.Add(new CopiedLine(setLimit[0], _condition, true));
        AddLines(copy, 0);
        copy = [.. copy[..bound], Instruction.Create(OpCodes.Ldloc, limit), copy[^1]];
        entry = goOn = setLimit[0];
        return [.. setLimit, .. copy, .. ChunkEnd(poll, whenUp), Instruction.Create(OpCodes.Br, goOn)];
    }

    private VariableDefinition NewLimit()
    {
        VariableDefinition limit = new(_counter.Variable.Type);
        _editor.NewVariables.Add(limit);
        return limit;
    }

    // lim = bound - i > few ? i + few : bound; if (i >= lim) goto end. The JIT knows this shape: limit in a variable,
    // tested before the first round and after each.
    private Instruction[] SetLimit(VariableDefinition limit, int rounds)
    {
        Instruction test = _counter.Variable.Load();
        return
        [
            .. Bound(),
            Instruction.Create(OpCodes.Stloc, limit),
            .. Distance([Instruction.Create(OpCodes.Ldloc, limit)], rounds),
            Instruction.Create(OpCodes.Ble, test),
            _counter.Variable.Load(),
            Instruction.Create(OpCodes.Ldc_I4, rounds * Math.Abs(_counter.Step)),
            Instruction.Create(_counter.Step > 0 ? OpCodes.Add : OpCodes.Sub),
            Instruction.Create(OpCodes.Stloc, limit),
            test,
            Instruction.Create(OpCodes.Ldloc, limit),
            Instruction.Create(Opposite(_editor.Code[_loop.Last].OpCode.Code), MethodEditor.End),
        ];
    }

    // A chunk is over when i reaches lim; then the loop is, or the word is read and lim moved on.
    private Instruction[] ChunkEnd(Instruction[] poll, Instruction whenUp) =>
    [
        _counter.Variable.Load(),
        .. Bound(),
        Instruction.Create(Opposite(_editor.Code[_loop.Last].OpCode.Code), MethodEditor.End),
        .. poll,
        whenUp,
    ];

    private Instruction[] Tested(Instruction[] pace, Instruction[] poll, Instruction whenUp, out Instruction entry, out Instruction goOn)
    {
        Instruction[] head = [.. pace, .. poll];
        Instruction[] copy = _loop.Copy(_editor, head[0]);
        foreach (Instruction skip in pace.Where(i => i.Operand == MethodEditor.End))
        {
            skip.Operand = copy[0];
        }

        _lines.Add(new CopiedLine(head[0], _loop.Head, true));
        AddLines(copy, 1);
        entry = copy[_condition - _loop.Head];
        goOn = copy[0];
        return [.. head, whenUp, .. copy];
    }

    private void AddLines(Instruction[] copy, int from)
    {
        for (int i = from; i < copy.Length; i++)
        {
            _lines.Add(new CopiedLine(copy[i], _loop.Head + i, i == 0));
        }
    }

    private Instruction[] Bound() => Array.ConvertAll(_editor.Code[(_condition + 1).._loop.Last], MethodEditor.Copy);

    // (long)bound - i, few: in 64 bits, since a difference of two ints may not fit in one.
    private Instruction[] Distance(Instruction[] bound, int rounds)
    {
        bound = [.. bound, Instruction.Create(OpCodes.Conv_I8)];
        Instruction[] counter = [_counter.Variable.Load(), Instruction.Create(OpCodes.Conv_I8)];
        return
        [
            .. _counter.Step > 0 ? [.. bound, .. counter] : (Instruction[])[.. counter, .. bound],
            Instruction.Create(OpCodes.Sub),
            Instruction.Create(OpCodes.Ldc_I4, rounds * Math.Abs(_counter.Step)),
            Instruction.Create(OpCodes.Conv_I8),
        ];
    }

    // if (bound > int.MaxValue - step) goto whenLong
    private Instruction[] FarOut(Instruction whenLong) =>
    [
        .. Bound(),
        Instruction.Create(OpCodes.Ldc_I4, FarEnd),
        Instruction.Create(_counter.Step > 0 ? OpCodes.Bgt : OpCodes.Blt, whenLong),
    ];

    // Beyond this the next step would begin again at the other end of int.
    private int FarEnd => (_counter.Step > 0 ? int.MaxValue : int.MinValue) - _counter.Step;

    /// <summary>Whether the counter cannot step over the bound and begin again at the other end of int.</summary>
    public bool IsBoundSafe()
    {
        Instruction bound = _editor.Code[_loop.Last - 1];
        bool stopsAtBound = Math.Abs(_counter.Step) == 1 && _editor.Code[_loop.Last].OpCode.Code is Code.Blt or Code.Blt_S or Code.Bgt or Code.Bgt_S;
        const int BelowLongestArray = 50;
        return stopsAtBound
            || (Counter.Constant(bound) is { } constant && constant + _counter.Step is > int.MinValue and < int.MaxValue)
            || (bound.OpCode.Code is Code.Conv_I4 or Code.Call or Code.Callvirt && Math.Abs(_counter.Step) < BelowLongestArray);
    }

    // Where "ldloc i; bound; blt head" begins; 0 if the loop does not end like that.
    private static int Condition(MethodEditor editor, Loop loop, Counter counter)
    {
        for (int i = loop.Last - 2; i > loop.Head && i >= loop.Last - MaxBound; i--)
        {
            if (Variable.Loaded(editor, i)?.Equals(counter.Variable) == true && editor.StackDepth[i] == 0)
            {
                return i;
            }
        }

        return 0;
    }

    // From outside only by the jump in front of the head, and within it nobody lands behind the condition's start.
    private static bool IsEnteredAt(MethodEditor editor, Loop loop, int condition)
    {
        if (loop.Head == 0 || editor.Code[loop.Head - 1].OpCode.Code is not (Code.Br or Code.Br_S))
        {
            return false;
        }

        for (int i = 0; i < editor.Code.Length; i++)
        {
            bool isInside = i >= loop.Head && i <= loop.Last;
            foreach (int target in editor.Targets(i))
            {
                if ((target > condition && target <= loop.Last)
                    || (i == loop.Head - 1 && target != condition)
                    || (i != loop.Head - 1 && !isInside && target >= loop.Head && target <= loop.Last))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static bool IsUp(Code compare) => compare is Code.Blt or Code.Blt_S or Code.Ble or Code.Ble_S;

    private static OpCode Opposite(Code compare) => compare switch
    {
        Code.Blt or Code.Blt_S => OpCodes.Bge,
        Code.Ble or Code.Ble_S => OpCodes.Bgt,
        Code.Bgt or Code.Bgt_S => OpCodes.Ble,
        _ => OpCodes.Blt,
    };
}
