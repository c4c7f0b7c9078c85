using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.Passes;

/// <summary>How often a counted loop has to read the poll word.</summary>
/// <remarks>
/// So many rounds may pass between two reads as execute at most <see cref="WorkBetweenChecks"/> IL instructions, some
/// tens of microseconds. A loop around such loops counts too: its rounds are few.
/// </remarks>
/// <param name="Counter">What counts the rounds.</param>
/// <param name="Rounds">Rounds between two reads; a power of two.</param>
/// <param name="Cost">IL instructions of one round, loops within it not counted.</param>
/// <param name="IsInnermost">Whether there is no loop within it.</param>
internal sealed record LoopPace(Counter Counter, int Rounds, int Cost, bool IsInnermost)
{
    // About one nanosecond each: far below the shortest slice of 100 us.
    public const int WorkBetweenChecks = 50_000;

    private const int MaxRounds = 1024;
    private const int MinRounds = 8;

    // A loop around loops: each of them may run WorkBetweenChecks instructions without reading the word, so this many
    // stay below half a millisecond. A loop around such loops reads the word in every round.
    private const int RoundsAroundLoops = 8;

    /// <summary>Null if the word has to be read in every round.</summary>
    public static LoopPace? Of(MethodEditor editor, Loop loop, List<Loop> loops, WeaveContext context)
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

        return rounds < MinRounds ? null : new LoopPace(counter, rounds, cost, loop.IsInnermost(loops));
    }

    /// <summary>Skips what follows unless the counter has certain bits clear, as one value in every window of <see cref="Rounds"/> has.</summary>
    public Instruction[] Test(Func<Variable, Variable> map)
    {
        int step = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Abs(Counter.Step));
        return
        [
            map(Counter.Variable).Load(),
            .. Counter.IsInt32 ? (Instruction[])[] : [Instruction.Create(OpCodes.Conv_I4)],
            Instruction.Create(OpCodes.Ldc_I4, (Rounds * step) - step),
            Instruction.Create(OpCodes.And),
            Instruction.Create(OpCodes.Brtrue_S, MethodEditor.End),
        ];
    }

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
