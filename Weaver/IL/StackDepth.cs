using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>Height of the evaluation stack before each instruction, found in one forward walk as ECMA-335 III.1.7.5 allows.</summary>
internal static class StackDepth
{
    public static int[] Compute(MethodEditor editor)
    {
        Instruction[] code = editor.Code;
        int[] depth = new int[code.Length];
        Array.Fill(depth, -1);
        foreach (ExceptionHandler handler in editor.Body.ExceptionHandlers)
        {
            int entry = handler.HandlerType is ExceptionHandlerType.Catch or ExceptionHandlerType.Filter ? 1 : 0;
            depth[editor.IndexOf(handler.HandlerStart)] = entry;
            depth[editor.IndexOf(handler.TryStart)] = 0;
            if (handler.FilterStart is not null)
            {
                depth[editor.IndexOf(handler.FilterStart)] = 1;
            }
        }

        int current = 0;
        for (int i = 0; i < code.Length; i++)
        {
            // After an unconditional jump the height is what a branch brought, else zero.
            current = depth[i] >= 0 ? depth[i] : Math.Max(current, 0);
            depth[i] = current;
            OpCode op = code[i].OpCode;
            current += Change(editor.Method, code[i], current);
            foreach (int target in editor.Targets(i))
            {
                int there = op.Code is Code.Leave or Code.Leave_S ? 0 : current;
                if (depth[target] < 0)
                {
                    depth[target] = there;
                }
            }

            if (op.FlowControl is FlowControl.Branch or FlowControl.Return or FlowControl.Throw)
            {
                current = -1;
            }
        }

        return depth;
    }

    private static int Change(MethodDefinition method, Instruction instruction, int current)
    {
        OpCode op = instruction.OpCode;
        if (op.FlowControl == FlowControl.Call && instruction.Operand is IMethodSignature callee)
        {
            int popped = callee.Parameters.Count + (op.Code == Code.Calli ? 1 : 0);
            if (callee.HasThis && !callee.ExplicitThis && op.Code != Code.Newobj)
            {
                popped++;
            }

            bool pushes = op.Code == Code.Newobj || !IsVoid(callee.ReturnType);
            return (pushes ? 1 : 0) - popped;
        }

        if (op.Code == Code.Ret)
        {
            return IsVoid(method.ReturnType) ? 0 : -1;
        }

        int pop = op.StackBehaviourPop switch
        {
            StackBehaviour.Pop0 or StackBehaviour.Varpop => 0,
            StackBehaviour.Pop1 or StackBehaviour.Popi or StackBehaviour.Popref => 1,
            StackBehaviour.PopAll => current,
            StackBehaviour.Popi_popi_popi or StackBehaviour.Popref_popi_popi or StackBehaviour.Popref_popi_popi8
                or StackBehaviour.Popref_popi_popr4 or StackBehaviour.Popref_popi_popr8 or StackBehaviour.Popref_popi_popref => 3,
            _ => 2,
        };
        int push = op.StackBehaviourPush switch
        {
            StackBehaviour.Push0 or StackBehaviour.Varpush => 0,
            StackBehaviour.Push1_push1 => 2,
            _ => 1,
        };
        return push - pop;
    }

    // An init accessor returns void with a modifier.
    private static bool IsVoid(TypeReference type)
    {
        while (type is IModifierType)
        {
            type = ((TypeSpecification)type).ElementType;
        }

        return type.MetadataType == MetadataType.Void;
    }
}
