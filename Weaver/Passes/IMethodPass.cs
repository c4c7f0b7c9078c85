using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;

namespace ILPreempt.Weaver.Passes;

/// <summary>
/// One kind of change to one method. A pass decides first and edits last, and keeps nothing between methods; the
/// editor applies all passes' edits together.
/// </summary>
internal interface IMethodPass
{
    /// <summary>Whether the pass has anything to do for a method with these facts; decides if a body is read at all.</summary>
    bool Wants(MethodFacts facts);

    void Run(MethodEditor editor, MethodFacts facts, WeaveContext context);
}
