using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;

namespace ILPreempt.Weaver.Passes;

/// <summary>
/// <c>M() { body }</c> becomes <c>M() { check; body }</c> for the methods that the call graph chose; the check may stand
/// later, see <see cref="CheckSink"/>. With <c>--checks all</c> it stands at the entry, as Go's does.
/// </summary>
internal sealed class PrologueCheckPass : IMethodPass
{
    public bool Wants(MethodFacts facts) => (facts & MethodFacts.PrologueCheck) != 0;

    public void Run(MethodEditor editor, MethodFacts facts, WeaveContext context)
    {
        int place = context.Options.Checks == CheckPlacement.All ? 0 : CheckSink.Place(editor, context.Scan);
        if (place == 0)
        {
            editor.Prologue.Add(context.Runtime.Check());
        }
        else
        {
            editor.Before(place, context.Runtime.Check());
        }

        editor.IsInlined = UnseenFrame.Is(editor);
        context.Current = context.Current with { Prologues = context.Current.Prologues + 1 };
    }
}
