using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;
using ILPreempt.Weaver.Rules;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.Passes;

/// <summary>
/// <c>callvirt instance string Assembly::get_Location()</c> becomes
/// <c>call string Redirects::get_Location(class Assembly)</c>, and so for every member of <see cref="RedirectTable"/>.
/// </summary>
/// <remarks>
/// Method groups follow: <c>ldftn</c> of a static member names the twin instead; of an instance member too, since a
/// delegate may be closed over the first argument of a static method; <c>dup; ldvirtftn</c> becomes
/// <c>dup; pop; ldftn</c>. A pointer that does not become a delegate at once is left alone with a note, and so is a
/// constrained call.
/// </remarks>
internal sealed class RedirectPass : IMethodPass
{
    public bool Wants(MethodFacts facts) =>
        (facts & (MethodFacts.Redirect | MethodFacts.OptedOut | MethodFacts.Unreadable)) == MethodFacts.Redirect;

    public void Run(MethodEditor editor, MethodFacts facts, WeaveContext context)
    {
        if (!Wants(facts))
        {
            return;
        }

        for (int i = 0; i < editor.Code.Length; i++)
        {
            if (editor.Code[i].Operand is not MethodReference method || RedirectTable.Find(method) is not { } redirect)
            {
                continue;
            }

            bool isDelegate = i + 1 < editor.Code.Length && editor.Code[i + 1].OpCode.Code == Code.Newobj;
            switch (editor.Code[i].OpCode.Code)
            {
                case Code.Call or Code.Callvirt when i == 0 || editor.Code[i - 1].OpCode.Code != Code.Constrained:
                    editor.Replace(i, Instruction.Create(OpCodes.Call, context.Runtime.Twin(method, redirect)));
                    break;
                case Code.Ldftn when isDelegate:
                    editor.Replace(i, Instruction.Create(OpCodes.Ldftn, context.Runtime.Twin(method, redirect)));
                    break;
                case Code.Ldvirtftn when isDelegate:
                    editor.Before(i, Instruction.Create(OpCodes.Pop));
                    editor.Replace(i, Instruction.Create(OpCodes.Ldftn, context.Runtime.Twin(method, redirect)));
                    break;
                case Code.Ldtoken:
                    continue;
                default:
                    context.Note(NoteCodes.RedirectLeftAlone, $"{redirect.Type}.{redirect.Member} is used in a form that cannot be redirected.", editor.Method);
                    continue;
            }

            context.Current = context.Current with { Redirects = context.Current.Redirects + 1 };
        }
    }
}
