using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.Passes;

/// <summary>
/// <c>head: body; br head</c> becomes <c>head: check; body; br head</c>; in a counted loop that calls nothing long
/// the check is <c>if ((i &amp; mask) == 0 &amp;&amp; Poll != 0) MoreStack()</c>.
/// </summary>
/// <remarks>
/// <para>The mask makes a tight loop pay one test of a register it has anyway. Rejected: an own countdown, which
/// takes a local and a register, and real strip-mining into two nested loops, which hides the bound from the JIT, so
/// that bounds checks come back. The figures are in docs/weaving.md.</para>
/// <para>One round of 2^k reads the poll word; k is such that these rounds execute at most
/// <see cref="WorkBetweenChecks"/> IL instructions, some tens of microseconds.</para>
/// </remarks>
internal sealed class LoopCheckPass : IMethodPass
{
    // About one nanosecond each: far below the shortest slice of 100 us.
    private const int WorkBetweenChecks = 50_000;
    private const int MaxRounds = 1024;
    private const int MinRounds = 8;

    // A loop around loops: each of them may run WorkBetweenChecks instructions without reading the word, so this many
    // stay below half a millisecond. A loop around such loops reads the word in every round.
    private const int RoundsAroundLoops = 8;

    public bool Wants(MethodFacts facts) => (facts & (MethodFacts.Loop | MethodFacts.Checkable)) == (MethodFacts.Loop | MethodFacts.Checkable);

    public void Run(MethodEditor editor, MethodFacts facts, WeaveContext context)
    {
        if (!Wants(facts))
        {
            return;
        }

        List<Loop> loops = Loop.FindAll(editor);
        loops.RemoveAll(loop => IsInFilter(editor, loop));
        for (int i = 0; i < loops.Count; i++)
        {
            Loop nest = Loop.Nest(loops, i, out List<Loop> members);
            bool isTwin = context.Options.StripMine && IsCallFree(editor, nest) && ColdTwin.IsPossible(editor, nest);
            if (!isTwin)
            {
                Mask? mask = Mask.Of(editor, loops[i], loops, context);
                AtHead(editor, loops[i], Check(editor, loops[i], mask, v => v, context));
                Count(context, mask);
                continue;
            }

            List<Mask?> masks = members.ConvertAll(l => Mask.Of(editor, l, loops, context));
            Instruction[] entries = ColdTwin.Add(editor, nest, members, context.Runtime.Poll, (l, map) => Check(editor, l, masks[members.IndexOf(l)], map, context));
            for (int k = 0; k < members.Count; k++)
            {
                AtHead(editor, members[k], [.. masks[k]?.Test(v => v) ?? [], .. context.Runtime.Poll(), Instruction.Create(OpCodes.Brtrue, entries[k])]);
                Count(context, masks[k]);
            }

            i += members.Count - 1;
        }
    }

    private static void Count(WeaveContext context, Mask? mask) => context.Current = mask is null
        ? context.Current with { Loops = context.Current.Loops + 1 }
        : context.Current with { StripMined = context.Current.StripMined + 1 };

    // A try block that begins at the head takes the check in only if the loop runs inside it: a check that throws
    // must not be caught by a block that the program has not entered yet.
    private static void AtHead(MethodEditor editor, Loop loop, Instruction[] check)
    {
        editor.Before(loop.Head, check);
        foreach (ExceptionHandler handler in editor.Body.ExceptionHandlers)
        {
            if (editor.IndexOf(handler.TryStart) == loop.Head && !loop.Sources.Exists(s => s < editor.IndexOf(handler.TryEnd)))
            {
                editor.KeepOutside(handler, loop.Head);
            }
        }
    }

    private static bool IsInFilter(MethodEditor editor, Loop loop)
    {
        foreach (ExceptionHandler handler in editor.Body.ExceptionHandlers)
        {
            if (handler.FilterStart is not null
                && loop.Head >= editor.IndexOf(handler.FilterStart) && loop.Head < editor.IndexOf(handler.HandlerStart))
            {
                return true;
            }
        }

        return false;
    }

    private static Instruction[] Check(MethodEditor editor, Loop loop, Mask? mask, Func<Variable, Variable> map, WeaveContext context)
    {
        Instruction[] check = [.. mask?.Test(map) ?? [], .. context.Runtime.Check()];
        if (!IsCallFree(editor, loop))
        {
            return check;
        }

        List<Variable> carried = FloatSpill.Carried(editor, loop);
        return carried.Count == 0 ? check : FloatSpill.Around(editor, check, [.. carried.Select(map)]);
    }

    // In a loop that calls anyway, the check's call changes nothing for the register allocator.
    private static bool IsCallFree(MethodEditor editor, Loop loop)
    {
        for (int i = loop.Head; i <= loop.Last; i++)
        {
            bool isHelper = editor.Code[i].OpCode.Code is Code.Newarr or Code.Newobj or Code.Box or Code.Stelem_Ref or Code.Castclass or Code.Isinst or Code.Localloc;
            if (isHelper || (editor.Code[i].OpCode.FlowControl == FlowControl.Call && !CallCost.IsInlined(editor.Code[i])))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The test of a counter that comes before the poll word is read.</summary>
    /// <param name="Counter">The counter.</param>
    /// <param name="Bits">Every window of so many rounds holds a value with these bits clear.</param>
    private sealed record Mask(Counter Counter, int Bits)
    {
        public static Mask? Of(MethodEditor editor, Loop loop, List<Loop> loops, WeaveContext context)
        {
            // A loop that begins before this one and ends in it belongs to this one's rounds with code that lies before
            // the head, where the search for a counter does not look.
            bool isOverlapped = loops.Exists(l => l.Head < loop.Head && l.Last >= loop.Head && l.Last < loop.Last);
            List<Loop> inner = loops.FindAll(l => l.Head > loop.Head && l.Last <= loop.Last);
            bool isNested = inner.Exists(a => inner.Exists(b => b.Head > a.Head && b.Head <= a.Last));
            if (!context.Options.StripMine
                || loop.Sources.Count != 1
                || isNested
                || isOverlapped
                || editor.Body.ExceptionHandlers.Any(h => editor.IndexOf(h.TryStart) >= loop.Head && editor.IndexOf(h.TryStart) <= loop.Last)
                || RoundCost(editor, loop, context) is not { } cost
                || Counter.Find(editor, loop, inner) is not { } counter)
            {
                return null;
            }

            int rounds = inner.Count > 0 ? RoundsAroundLoops : MaxRounds;
            while (rounds > WorkBetweenChecks / cost)
            {
                rounds /= 2;
            }

            int step = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)counter.Step);
            return rounds < MinRounds ? null : new Mask(counter, (rounds * step) - step);
        }

        public Instruction[] Test(Func<Variable, Variable> map) =>
        [
            map(Counter.Variable).Load(),
            .. Counter.IsInt32 ? (Instruction[])[] : [Instruction.Create(OpCodes.Conv_I4)],
            Instruction.Create(OpCodes.Ldc_I4, Bits),
            Instruction.Create(OpCodes.And),
            Instruction.Create(OpCodes.Brtrue_S, MethodEditor.End),
        ];

        // IL instructions of one round, callees included; null if it may run long.
        private static int? RoundCost(MethodEditor editor, Loop loop, WeaveContext context)
        {
            int cost = 0;
            for (int i = loop.Head; i <= loop.Last; i++)
            {
                cost++;
                Instruction instruction = editor.Code[i];
                switch (instruction.OpCode.Code)
                {
                    case Code.Newarr or Code.Localloc or Code.Cpblk or Code.Initblk or Code.Calli or Code.Jmp:
                        return null;
                    case Code.Call or Code.Callvirt or Code.Newobj:
                        if (CallCost.Of((MethodReference)instruction.Operand, instruction.OpCode.Code, context) is not { } call)
                        {
                            return null;
                        }

                        cost += call;
                        break;
                    default:
                        break;
                }
            }

            return cost;
        }
    }
}
