using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.Passes;

/// <summary>
/// Brackets code in which a goroutine must not be stopped with NoPreempt.Enter and Exit: class constructors (others
/// wait for them under a lock that no scheduler sees), methods called by unmanaged code, and filters (they run in
/// the first pass of exception handling, above frames of the runtime). Only where a check can be reached from there.
/// </summary>
/// <remarks>No try/finally: the runtime heals a missing Exit when the stack has risen above the frame that entered.</remarks>
internal sealed class NoPreemptPass : IMethodPass
{
    public bool Wants(MethodFacts facts) =>
        (facts & MethodFacts.GuardWhole) != 0 || HasGuardedFilter(facts);

    public void Run(MethodEditor editor, MethodFacts facts, WeaveContext context)
    {
        int regions = 0;
        if ((facts & MethodFacts.GuardWhole) != 0)
        {
            editor.Prologue.Insert(0, [Enter(context)]);
            BracketBody.BeforeEachReturn(editor, () => Exit(context));
            regions++;
        }

        if (HasGuardedFilter(facts))
        {
            foreach (ExceptionHandler handler in editor.Body.ExceptionHandlers)
            {
                if (handler.HandlerType == ExceptionHandlerType.Filter && Guard(editor, handler, context))
                {
                    regions++;
                }
            }
        }

        context.Current = context.Current with { NoPreempt = context.Current.NoPreempt + regions };
    }

    private static bool HasGuardedFilter(MethodFacts facts) =>
        (facts & (MethodFacts.Filter | MethodFacts.Calls | MethodFacts.OptedOut | MethodFacts.Unreadable)) == (MethodFacts.Filter | MethodFacts.Calls);

    private static bool Guard(MethodEditor editor, ExceptionHandler handler, WeaveContext context)
    {
        int start = editor.IndexOf(handler.FilterStart);
        int end = editor.IndexOf(handler.HandlerStart);
        if (!editor.Code.AsSpan(start..end).ContainsAnyCall())
        {
            return false;
        }

        // Unmapped if a jump leads back to the filter's first instruction, which no compiler emits.
        editor.Before(start, Enter(context));
        for (int i = start; i < end; i++)
        {
            if (editor.Code[i].OpCode.Code == Code.Endfilter)
            {
                editor.Before(i, Exit(context));
            }
        }

        return true;
    }

    private static Instruction Enter(WeaveContext context) => context.Runtime.Call("NoPreempt", "Enter");

    private static Instruction Exit(WeaveContext context) => context.Runtime.Call("NoPreempt", "Exit");
}

file static class Calls
{
    public static bool ContainsAnyCall(this Span<Instruction> code)
    {
        foreach (Instruction instruction in code)
        {
            if (instruction.OpCode.FlowControl == FlowControl.Call)
            {
                return true;
            }
        }

        return false;
    }
}
