using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Stress.Cil;

/// <summary>A place in a body that may be jumped to before it is known.</summary>
internal sealed class Label
{
    public Instruction? At { get; set; }
}

/// <summary>
/// Writes a body with labels. A label is the instruction that comes next, never a nop of its own: the weaver knows loops by their exact form.
/// </summary>
internal sealed class Emitter(MethodDefinition method)
{
    private readonly List<Instruction> _code = [];
    private readonly List<Label> _pending = [];
    private readonly List<(Instruction Branch, Label[] Targets)> _branches = [];
    private readonly List<(ExceptionHandlerType Type, Label[] Places, TypeReference? Caught)> _regions = [];

    public MethodDefinition Method => method;

    public void Emit(OpCode op) => Append(Instruction.Create(op));

    public void Emit(OpCode op, MethodReference operand) => Append(Instruction.Create(op, operand));

    public void Emit(OpCode op, FieldReference operand) => Append(Instruction.Create(op, operand));

    public void Emit(OpCode op, TypeReference operand) => Append(Instruction.Create(op, operand));

    public void Emit(OpCode op, VariableDefinition operand) => Append(Instruction.Create(op, operand));

    public void Emit(OpCode op, ParameterDefinition operand) => Append(Instruction.Create(op, operand));

    public void Emit(OpCode op, byte operand) => Append(Instruction.Create(op, operand));

    public void Int(int value) => Append(Instruction.Create(OpCodes.Ldc_I4, value));

    public void Long(long value) => Append(Instruction.Create(OpCodes.Ldc_I8, value));

    public void Double(double value) => Append(Instruction.Create(OpCodes.Ldc_R8, value));

    public void Single(float value) => Append(Instruction.Create(OpCodes.Ldc_R4, value));

    public void Branch(OpCode op, Label target)
    {
        Instruction branch = Instruction.Create(op, Instruction.Create(OpCodes.Nop));
        _branches.Add((branch, [target]));
        Append(branch);
    }

    public void Switch(Label[] targets)
    {
        Instruction table = Instruction.Create(OpCodes.Switch, Array.Empty<Instruction>());
        _branches.Add((table, targets));
        Append(table);
    }

    public void Mark(Label label) => _pending.Add(label);

    public Label MarkNew()
    {
        Label label = new();
        Mark(label);
        return label;
    }

    /// <summary>Adds a handler; inner ones first. Places: start and end of the try block, start and end of the handler, start of the filter.</summary>
    public void Region(ExceptionHandlerType type, TypeReference? caught, params Label[] places) => _regions.Add((type, places, caught));

    public void Finish(MethodBody body)
    {
        if (_pending.Count > 0)
        {
            // Nobody comes here; the JIT wants no code to run off the end.
            Emit(OpCodes.Ldnull);
            Emit(OpCodes.Throw);
        }

        foreach ((Instruction branch, Label[] targets) in _branches)
        {
            Instruction[] places = Array.ConvertAll(targets, t => t.At ?? throw new InvalidOperationException("A label has no place."));
            branch.Operand = branch.OpCode.Code == Code.Switch ? places : places[0];
        }

        for (int i = 0; i < _code.Count; i++)
        {
            body.Instructions.Add(_code[i]);
            if (_code[i].OpCode.FlowControl == FlowControl.Cond_Branch && i + 1 < _code.Count && _code[i].Operand == _code[i + 1])
            {
                // The JIT of .NET 10.0.12 crashes on a jump to the next instruction whose operands have side effects. Compilers write none.
                body.Instructions.Add(Instruction.Create(OpCodes.Nop));
            }
        }

        foreach ((ExceptionHandlerType type, Label[] places, TypeReference? caught) in _regions)
        {
            body.ExceptionHandlers.Add(new ExceptionHandler(type)
            {
                TryStart = places[0].At,
                TryEnd = places[1].At,
                HandlerStart = places[2].At,
                HandlerEnd = places[3].At,
                FilterStart = places.Length > 4 ? places[4].At : null,
                CatchType = caught,
            });
        }
    }

    private void Append(Instruction instruction)
    {
        foreach (Label label in _pending)
        {
            label.At = instruction;
        }

        _pending.Clear();
        _code.Add(instruction);
    }
}
