using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.Passes;

/// <summary>
/// <c>head: body; br head</c> becomes <c>head: check; body; br head</c>, or one of the forms that cost a tight loop less.
/// </summary>
/// <remarks>
/// <para>A loop that calls anything has the plain check. A nest of loops without calls gets a <see cref="LoopTwin"/>, so
/// that the nest itself stays free of calls, and each of its loops the first of these forms that fits:</para>
/// <list type="bullet">
/// <item>none, if it ends by itself after few rounds (constant start and bound);</item>
/// <item>none as long as it is short, and in chunks when it is long, <see cref="CountedLoop"/>;</item>
/// <item>several rounds written out with one read, <see cref="UnrolledLoop"/>;</item>
/// <item>a test of its counter, <c>if ((i &amp; mask) == 0 &amp;&amp; Poll != 0)</c>, <see cref="LoopPace"/>;</item>
/// <item>the read in every round.</item>
/// </list>
/// <para>Rejected: an own countdown, which takes a local and a register. The figures are in docs/weaving.md.</para>
/// </remarks>
internal sealed class LoopCheckPass : IMethodPass
{
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
            if (context.Options.StripMine && IsCallFree(editor, nest) && LoopTwin.IsPossible(editor, nest))
            {
                WithTwin(editor, nest, members, loops, context);
                i += members.Count - 1;
                continue;
            }

            LoopPace? pace = LoopPace.Of(editor, loops[i], loops, context);
            if (!EndsSoon(editor, loops[i], pace))
            {
                AtHead(editor, loops[i], Check(editor, loops[i], pace, context));
                Count(context, pace is not null);
            }
        }
    }

    private static void WithTwin(MethodEditor editor, Loop nest, List<Loop> members, List<Loop> loops, WeaveContext context)
    {
        Dictionary<Loop, LoopPace?> paces = members.ToDictionary(l => l, l => LoopPace.Of(editor, l, loops, context));
        members = members.FindAll(l => !EndsSoon(editor, l, paces[l]));
        if (members.Count == 0)
        {
            return;
        }

        // The twin's code comes behind that of the loops, but they jump into it.
        List<WayOut> ways = [];
        List<WayOut> stops = [];
        MethodEditor copy = new(editor.Method);
        foreach (Loop loop in members)
        {
            WayOut[] untested = WithoutTest(editor, loop, paces, loops, context);
            ways.AddRange(untested.Length > 0 ? untested : [Tested(editor, loop, paces[loop], context)]);
            stops.Add(InTwin(copy, loop, paces, loops, context));
            Count(context, untested.Length > 0 || paces[loop] is { IsInnermost: true });
        }

        LoopTwin.Add(editor, nest, ways, copy, stops, () => context.Runtime.Check()[^1]);
    }

    private static WayOut Tested(MethodEditor editor, Loop loop, LoopPace? pace, WeaveContext context)
    {
        // Around loops the test of a counter saves nothing (docs/weaving.md).
        Instruction[] test = pace is { IsInnermost: true } ? pace.Test(v => v) : [];
        Instruction whenUp = Instruction.Create(OpCodes.Brtrue, MethodEditor.End);
        AtHead(editor, loop, [.. test, .. context.Runtime.Poll(), whenUp]);
        return new WayOut(loop, context.Runtime.Poll, whenUp, editor.Code[loop.Head]);
    }

    // A loop in a form whose rounds are not tested one by one; gives its ways to the twin, none if there is no such form.
    private static WayOut[] WithoutTest(MethodEditor editor, Loop loop, Dictionary<Loop, LoopPace?> paces, List<Loop> loops, WeaveContext context)
    {
        CountedLoop? counted = paces[loop] is { } pace ? CountedLoop.Find(editor, loop, pace.Counter) : null;
        if (!loop.IsInnermost(loops))
        {
            return counted is not null && InnerReadIt(editor, loop, paces, loops) ? counted.ApplyInPlace(Rounds(loop, paces, loops), context.Runtime.Poll) : [];
        }

        return counted is not null ? [counted.Apply(Rounds(loop, paces, loops), paces[loop]!.Test(v => v), context.Runtime.Poll)]
            : IsWrittenOut(editor, loop, paces[loop], loops) ? [UnrolledLoop.Apply(editor, loop, context.Runtime.Poll)]
            : [];
    }

    // The forms of innermost loops, but that nobody comes to the twin for a few rounds. Not the chunks of a loop around loops: who comes into an inner
    // loop of the twin has not passed where the limit is set.
    private static WayOut InTwin(MethodEditor copy, Loop loop, Dictionary<Loop, LoopPace?> paces, List<Loop> loops, WeaveContext context)
    {
        LoopPace? pace = paces[loop];
        CountedLoop? counted = pace is not null ? CountedLoop.Find(copy, loop, pace.Counter) : null;
        if (counted?.IsBoundSafe() == true && loop.IsInnermost(loops))
        {
            return counted.ApplyInPlace(Rounds(loop, paces, loops), context.Runtime.Poll)[0];
        }

        if (IsWrittenOut(copy, loop, pace, loops))
        {
            return UnrolledLoop.Apply(copy, loop, context.Runtime.Poll);
        }

        Instruction whenUp = Instruction.Create(OpCodes.Brtrue, MethodEditor.End);
        Instruction[] test = pace is { IsInnermost: true } ? pace.Test(v => v) : [];
        return new WayOut(loop, context.Runtime.Poll, whenUp, copy.Code[loop.Head]) { Latch = [.. test, .. context.Runtime.Poll(), whenUp] };
    }

    private static int Rounds(Loop loop, Dictionary<Loop, LoopPace?> paces, List<Loop> loops) =>
        LoopPace.WorkBetweenChecks / (paces[loop]?.Cost ?? 1) / (loop.IsInnermost(loops) ? 1 : UnrolledLoop.Copies);

    private static bool InnerReadIt(MethodEditor editor, Loop loop, Dictionary<Loop, LoopPace?> paces, List<Loop> loops) =>
        paces.All(l => l.Key.Head <= loop.Head || l.Key.Last > loop.Last || IsWrittenOut(editor, l.Key, l.Value, loops));

    private static bool IsWrittenOut(MethodEditor editor, Loop loop, LoopPace? pace, List<Loop> loops) =>
        loop.IsInnermost(loops)
        && !(pace is not null && CountedLoop.EndsWithCounter(editor, loop, pace.Counter))
        && UnrolledLoop.IsPossible(editor, loop);

    private static bool EndsSoon(MethodEditor editor, Loop loop, LoopPace? pace) =>
        pace is { IsInnermost: true }
        && CountedLoop.Find(editor, loop, pace.Counter)?.ConstantRounds() <= LoopPace.WorkBetweenChecks / pace.Cost;

    private static void Count(WeaveContext context, bool isStripMined) => context.Current = isStripMined
        ? context.Current with { StripMined = context.Current.StripMined + 1 }
        : context.Current with { Loops = context.Current.Loops + 1 };

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

    private static Instruction[] Check(MethodEditor editor, Loop loop, LoopPace? pace, WeaveContext context)
    {
        Instruction[] check = [.. pace?.Test(v => v) ?? [], .. context.Runtime.Check()];
        if (!IsCallFree(editor, loop))
        {
            return check;
        }

        List<Variable> carried = FloatSpill.Carried(editor, loop);
        return carried.Count == 0 ? check : FloatSpill.Around(editor, check, carried);
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
}
