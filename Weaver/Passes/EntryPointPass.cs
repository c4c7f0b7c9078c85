using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.Passes;

/// <summary>
/// <c>Main() { body; ret }</c> becomes <c>Main() { EntryPoint.Enter(); body; EntryPoint.Exit(); ret }</c>.
/// </summary>
/// <remarks>
/// For an async Main the entry point is the compiler's synchronous wrapper, so Exit comes after the task. There is
/// no try/finally: a crash trace must show the program's own frames only. A tail call before the ret loses its prefix.
/// </remarks>
internal sealed class EntryPointPass : IMethodPass
{
    public bool Wants(MethodFacts facts) => false;

    public void Run(MethodEditor editor, MethodFacts facts, WeaveContext context)
    {
        if (context.Module.EntryPoint != editor.Method)
        {
            return;
        }

        editor.Prologue.Insert(0, [context.Runtime.Call("EntryPoint", "Enter")]);
        BracketBody.BeforeEachReturn(editor, () => context.Runtime.Call("EntryPoint", "Exit"));
    }
}

/// <summary>Puts a call before every ret of a method.</summary>
internal static class BracketBody
{
    public static void BeforeEachReturn(MethodEditor editor, Func<Instruction> call)
    {
        for (int i = 0; i < editor.Code.Length; i++)
        {
            if (editor.Code[i].OpCode.Code == Code.Ret)
            {
                editor.Before(i, call());
                if (i > 0 && editor.Code[i - 1].OpCode.FlowControl == FlowControl.Call)
                {
                    editor.DropPrefix(i - 1, Code.Tail);
                }
            }
        }
    }
}
