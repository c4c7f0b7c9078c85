using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>Which of up to 64 variables may still be read, before each instruction.</summary>
/// <remarks>
/// Copying a dead variable would make it alive from the start of the method, and take a register all the way. What
/// a handler mentions counts as alive everywhere, since any instruction may lead there.
/// </remarks>
internal sealed class Liveness
{
    private readonly Dictionary<Variable, int> _bits = [];
    private readonly ulong[] _before;

    private Liveness(MethodEditor editor, IEnumerable<Variable> variables)
    {
        foreach (Variable variable in variables)
        {
            _bits.Add(variable, _bits.Count);
        }

        _before = Solve(editor);
    }

    /// <summary>Most variables one instance follows.</summary>
    public const int Capacity = 64;

    public static Liveness Of(MethodEditor editor, IEnumerable<Variable> variables) => new(editor, variables);

    /// <summary>Whether the variable may be read at or after an instruction before it is written.</summary>
    public bool IsAlive(Variable variable, int index) => index < _before.Length && (_before[index] & Bit(variable)) != 0;

    private ulong Bit(Variable? variable) => variable is { } v && _bits.TryGetValue(v, out int bit) ? 1UL << bit : 0;

    private ulong[] Solve(MethodEditor editor)
    {
        int n = editor.Code.Length;
        ulong[] uses = new ulong[n];
        ulong[] defines = new ulong[n];
        ulong always = 0;
        for (int i = 0; i < n; i++)
        {
            uses[i] = Bit(Variable.Loaded(editor, i)) | Bit(Variable.Addressed(editor, i));
            defines[i] = Bit(Variable.Stored(editor, i));
        }

        foreach (ExceptionHandler handler in editor.Body.ExceptionHandlers)
        {
            int start = editor.IndexOf(handler.FilterStart ?? handler.HandlerStart);
            foreach (ulong used in uses.AsSpan(start..editor.IndexOfEnd(handler.HandlerEnd)))
            {
                always |= used;
            }
        }

        ulong[] before = new ulong[n];
        bool changed;
        do
        {
            changed = false;
            for (int i = n - 1; i >= 0; i--)
            {
                ulong after = always;
                if (i + 1 < n && editor.Code[i].OpCode.FlowControl is not (FlowControl.Branch or FlowControl.Return or FlowControl.Throw))
                {
                    after |= before[i + 1];
                }

                foreach (int target in editor.Targets(i))
                {
                    after |= before[target];
                }

                ulong here = (after & ~defines[i]) | uses[i] | always;
                changed |= here != before[i];
                before[i] = here;
            }
        }
        while (changed);
        return before;
    }
}
