using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;

namespace ILPreempt.Weaver.Passes;

/// <summary><c>M() { body }</c> becomes <c>M() { check; body }</c> for the methods that the call graph chose.</summary>
internal sealed class PrologueCheckPass : IMethodPass
{
    public bool Wants(MethodFacts facts) => (facts & MethodFacts.PrologueCheck) != 0;

    public void Run(MethodEditor editor, MethodFacts facts, WeaveContext context)
    {
        editor.Prologue.Add(context.Runtime.Check());
        context.Current = context.Current with { Prologues = context.Current.Prologues + 1 };
    }
}
