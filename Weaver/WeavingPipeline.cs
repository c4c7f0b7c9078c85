using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;
using ILPreempt.Weaver.Passes;
using ILPreempt.Weaver.Rules;
using Mono.Cecil;

namespace ILPreempt.Weaver;

/// <summary>
/// The weaver at one glance: scan all bodies as bytes, decide by call graph, read only the bodies that change, run
/// the passes over each, apply their edits at once.
/// </summary>
/// <remarks>
/// Passes see the body as it was read and record edits by index, so their order matters only where two of them put
/// code at the same place; those places are named here. A method that fails keeps its original body.
/// </remarks>
internal static class WeavingPipeline
{
    public static IReadOnlyList<IMethodPass> Passes { get; } =
    [
        new RedirectPass(),
        new LoopCheckPass(),
        new PrologueCheckPass(),
        new BlockingPass(), // its Enter stands between a check and the call: a check takes back what Enter gave away
        new NoPreemptPass(), // Enter goes in front of the prologue check
        new EntryPointPass(), // last: Enter goes in front of everything
    ];

    /// <summary>Sets the decided flags: which methods get a check, and which a NoPreempt bracket.</summary>
    public static void Decide(AssemblyScan scan, WeaverOptions options)
    {
        scan.Hierarchy.AddEdges(scan.Graph);
        scan.Graph.MarkCycles(scan.Facts);
        if (options.Checks == CheckPlacement.All)
        {
            MarkAllButTinyLeaves(scan);
        }

        List<int> mayStop = [];
        bool guards = false;
        for (int row = 1; row <= scan.MethodCount; row++)
        {
            MethodFacts facts = scan.Facts[row];
            bool loopCheck = (facts & (MethodFacts.Loop | MethodFacts.Checkable)) == (MethodFacts.Loop | MethodFacts.Checkable);
            if (loopCheck || (facts & (MethodFacts.PrologueCheck | MethodFacts.CallsUnknown)) != 0)
            {
                mayStop.Add(row);
            }

            guards |= (facts & MethodFacts.NoStop) != 0;
        }

        if (!guards)
        {
            return;
        }

        bool[] reaches = scan.Graph.Reaching(mayStop.Append(CallGraph.Foreign));
        const MethodFacts Never = MethodFacts.OptedOut | MethodFacts.Unreadable | MethodFacts.JumpOrArglist;
        for (int row = 1; row <= scan.MethodCount; row++)
        {
            if ((scan.Facts[row] & (MethodFacts.NoStop | Never)) == MethodFacts.NoStop && reaches[row])
            {
                scan.Facts[row] |= MethodFacts.GuardWhole;
            }
        }
    }

    /// <summary>Runs the passes over every method that one of them wants.</summary>
    /// <param name="context">What the passes share.</param>
    /// <param name="entryPoint">Row of the entry point to bracket; 0 for none.</param>
    public static void Run(WeaveContext context, int entryPoint)
    {
        AssemblyScan scan = context.Scan;
        for (int row = 1; row <= scan.MethodCount; row++)
        {
            MethodFacts facts = scan.Facts[row];
            if (row == entryPoint || IsWanted(facts))
            {
                WeaveMethod(context, row, facts, row == entryPoint);
            }
            else if ((facts & (MethodFacts.OptedOut | MethodFacts.JumpOrArglist | MethodFacts.Unreadable)) != 0)
            {
                NoteLeftAlone(context, row, facts);
            }
        }
    }

    public static bool IsWanted(MethodFacts facts) => Passes.Any(pass => pass.Wants(facts));

    private static void WeaveMethod(WeaveContext context, int row, MethodFacts facts, bool isEntryPoint)
    {
        MethodDefinition? method = null;
        context.Current = default;
        int notes = context.Notes.Count;
        try
        {
            method = (MethodDefinition)context.Module.LookupToken(new MetadataToken(TokenType.Method, (uint)row));
            MethodEditor editor = new(method);
            foreach (IMethodPass pass in Passes)
            {
                if (pass.Wants(facts) || (isEntryPoint && pass is EntryPointPass))
                {
                    pass.Run(editor, facts, context);
                }
            }

            if (editor.HasEdits)
            {
                editor.Commit();
                context.Total += context.Current with { Methods = 1 };
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            context.Notes.RemoveRange(notes, context.Notes.Count - notes);
            context.Note(NoteCodes.MethodFailed, $"Kept as it was: {e.GetType().Name}: {e.Message}", method);
        }
    }

    // Go's compiler leaves the check out of leaves with a small frame (nosplit); the size is a guess at the same.
    private static void MarkAllButTinyLeaves(AssemblyScan scan)
    {
        for (int row = 1; row <= scan.MethodCount; row++)
        {
            MethodFacts facts = scan.Facts[row];
            bool isTinyLeaf = (facts & (MethodFacts.Calls | MethodFacts.Loop)) == 0;
            if ((facts & MethodFacts.Checkable) != 0 && !isTinyLeaf)
            {
                scan.Facts[row] = facts | MethodFacts.PrologueCheck;
            }
        }
    }

    private static void NoteLeftAlone(WeaveContext context, int row, MethodFacts facts)
    {
        MethodDefinition method = (MethodDefinition)context.Module.LookupToken(new MetadataToken(TokenType.Method, (uint)row));
        (string code, string text) = facts switch
        {
            _ when (facts & MethodFacts.OptedOut) != 0 => (NoteCodes.OptedOut, "Opted out by attribute."),
            _ when (facts & MethodFacts.Unreadable) != 0 => (NoteCodes.UnreadableBody, "The body is not valid IL."),
            _ => (NoteCodes.JumpOrArglist, "The method uses jmp or arglist."),
        };
        context.Note(code, text, method);
    }
}
