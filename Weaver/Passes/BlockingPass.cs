using ILPreempt.Weaver.Analysis;
using ILPreempt.Weaver.IL;
using ILPreempt.Weaver.Rules;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.Passes;

/// <summary>
/// <c>call void Thread::Sleep(int32)</c> becomes <c>ldc 1; call Blocking::Enter(int32); call Thread::Sleep(int32); call Blocking::Exit()</c>,
/// and so for every member of <see cref="BlockingTable"/>. Where the receiver can tell that the call will not wait:
/// <c>dup; callvirt Task::get_IsCompleted(); ldc; call Blocking::EnterUnless(int32, int32)</c>.
/// </summary>
/// <remarks>
/// The original call stays, so overloads, generic receivers, exceptions and traces are what they were, and what lies on the
/// stack for it is not touched. No try/finally: a goroutine that leaves by an exception gets its P back at its next check.
/// </remarks>
internal sealed class BlockingPass : IMethodPass
{
    /// <summary>The numbers of the runtime's WaitReason; a test compares them.</summary>
    public static IReadOnlyList<string> Reasons { get; } =
    [
        "None", "Sleep", "ChanReceive", "ChanSend", "Select", "SyncMutexLock", "SemAcquire", "IOWait", "Syscall", "Preempted", "MonitorEnter",
        "TaskWait", "StoppingTheWorld", "SyncCondWait",
    ];

    public bool Wants(MethodFacts facts) =>
        (facts & (MethodFacts.Redirect | MethodFacts.OptedOut | MethodFacts.Unreadable | MethodFacts.JumpOrArglist)) == MethodFacts.Redirect;

    public void Run(MethodEditor editor, MethodFacts facts, WeaveContext context)
    {
        for (int i = 0; i < editor.Code.Length; i++)
        {
            if (editor.Code[i].OpCode.Code is not (Code.Call or Code.Callvirt)
                || editor.Code[i].Operand is not MethodReference method
                || BlockingTable.Find(method.DeclaringType.GetElementType().FullName, method.Name) is not { } call
                || (i > 0 && editor.Code[i - 1].OpCode.OpCodeType == OpCodeType.Prefix))
            {
                continue;
            }

            Instruction reason = Instruction.Create(OpCodes.Ldc_I4, ReasonOf(call));
            bool canGuard = call.Guard.Length > 0 && method.HasThis && method.Parameters.Count == 0;
            if (canGuard)
            {
                editor.Before(
                    i,
                    Instruction.Create(OpCodes.Dup),
                    Instruction.Create(editor.Code[i].OpCode.Code == Code.Callvirt ? OpCodes.Callvirt : OpCodes.Call, Guard(method, call, context)),
                    reason,
                    Call(context, call.WaitsIf ? "EnterIf" : "EnterUnless", parameters: 2));
            }
            else if (call.WaitsIf)
            {
                continue;
            }
            else
            {
                editor.Before(i, reason, Call(context, call.Kind == BlockingKind.Mark ? "Mark" : "Enter", parameters: 1));
            }

            editor.After(i, Call(context, call.Kind == BlockingKind.Mark ? "Unmark" : "Exit", parameters: 0));
            context.Current = context.Current with { Redirects = context.Current.Redirects + 1 };
        }
    }

    private static int ReasonOf(BlockingCall call)
    {
        for (int i = 0; i < Reasons.Count; i++)
        {
            if (Reasons[i] == call.Reason)
            {
                return i;
            }
        }

        throw new InvalidOperationException($"{call.Reason} is no wait reason.");
    }

    /// <summary>The property's getter, spelt with the caller's own reference of the type. Task's is meant for a Task of something.</summary>
    private static MethodReference Guard(MethodReference method, BlockingCall call, WeaveContext context)
    {
        TypeReference type = method.DeclaringType;
        if (call.Type == "System.Threading.Tasks.Task`1")
        {
            type = new TypeReference("System.Threading.Tasks", "Task", context.Module, type.GetElementType().Scope);
        }

        TypeSystem types = context.Module.TypeSystem;
        return new MethodReference(call.Guard, call.Guard is "get_CurrentCount" or "get_Count" ? types.Int32 : types.Boolean, type) { HasThis = true };
    }

    private static Instruction Call(WeaveContext context, string name, int parameters) =>
        Instruction.Create(OpCodes.Call, context.Runtime.Method("Blocking", name, parameters));
}
