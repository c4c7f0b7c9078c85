using Mono.Cecil.Cil;

namespace ILPreempt.Stress.Cil;

/// <content>Statements: each begins and ends with an empty stack.</content>
internal sealed partial class BodyGenerator
{
    private void Block(Rng rng, int most)
    {
        for (int i = rng.Between(1, most); i > 0; i--)
        {
            Statement(rng);
        }
    }

    private void Statement(Rng parent)
    {
        ulong name = parent.Next();
        if (--_budget < 0 || _leftOut.Contains(name))
        {
            return;
        }

        _pieces.Add(name);
        Rng rng = new(name);
        switch (rng.Below(_isCallFree ? 60 : 100))
        {
            case < 18:
                Assign(rng);
                break;
            case < 22:
                Mix(rng);
                break;
            case < 30:
                If(rng);
                break;
            case < 42:
                Counted(rng);
                break;
            case < 48:
                While(rng);
                break;
            case < 51:
                Jumps(rng);
                break;
            case < 54:
                Switch(rng);
                break;
            case < 57:
                Exit(rng);
                break;
            case < 60:
                StackLoop(rng);
                break;
            case < 76:
                Protected(rng);
                break;
            case < 80:
                Throw(rng);
                break;
            case < 90:
                if (!Call(rng, Kind.Void))
                {
                    Assign(rng);
                }

                break;
            case < 96:
                Expression(rng, rng.Pick(Kind.I4, Kind.I8, Kind.R8, Kind.Node), 3);
                _il.Emit(OpCodes.Pop);
                break;
            default:
                Mix(rng);
                break;
        }
    }

    private void Mix(Rng rng)
    {
        if (_isCallFree)
        {
            Assign(rng);
            return;
        }

        Kind kind = rng.Pick(Kind.I4, Kind.I8, Kind.R8, Kind.S);
        Expression(rng, kind, 3);
        if (kind == Kind.I4)
        {
            _il.Emit(OpCodes.Conv_I8);
        }

        _il.Emit(OpCodes.Call, _shape.Helper(kind switch { Kind.R8 => "MixR", Kind.S => "MixS", _ => "Mix" }));
    }

    private void Assign(Rng rng)
    {
        switch (rng.Below(14))
        {
            case < 7:
                Kind kind = rng.Pick(Kind.I4, Kind.I4, Kind.I8, Kind.R8, Kind.R4, Kind.U4, Kind.Node, Kind.Ints, Kind.S, _t is null ? Kind.I4 : Kind.T);
                if (Writable(rng, kind) is { } variable)
                {
                    Expression(rng, kind, 3);
                    Store(variable);
                }

                break;
            case 7:
                (string name, Kind field) = rng.Pick(("F0", Kind.I4), ("F1", Kind.I4), ("L0", Kind.I8), ("G0", Kind.R8), ("G1", Kind.R4));
                Expression(rng, field, 3);
                _il.Emit(OpCodes.Stsfld, _shape.Static(name));
                break;
            case 8 or 9:
                ElementAddress(rng, 2, isReadOnly: false, out _);
                Expression(rng, Kind.I4, 2);
                Prefix(rng);
                _il.Emit(OpCodes.Stind_I4);
                break;
            case 10:
                Expression(rng, Kind.Node, 1);
                (string member, Kind value) = rng.Pick(("V", Kind.I4), ("D", Kind.R8), ("Next", Kind.Node), ("Sv", Kind.S), ("Arr", Kind.Ints));
                Expression(rng, value, 2);
                _il.Emit(OpCodes.Stfld, Shape.Field(_shape.Node, member));
                break;
            case 11:
                Load(rng.Any(Of(Kind.RefI4)));
                Expression(rng, Kind.I4, 2);
                Prefix(rng);
                _il.Emit(OpCodes.Stind_I4);
                break;
            case 12:
                // The ref local points elsewhere.
                Reference(rng, Kind.I4);
                Store(_variables.Find(v => v.Kind == Kind.RefI4 && v.Local is not null)!);
                break;
            default:
                if (rng.Chance(30) && Writable(rng, Kind.S) is { } cleared)
                {
                    Address(cleared);
                    _il.Emit(OpCodes.Initobj, _shape.S);
                }
                else if (Writable(rng, Kind.S) is { } part)
                {
                    Address(part);
                    Expression(rng, Kind.R8, 2);
                    _il.Emit(OpCodes.Stfld, Shape.Field(_shape.S, "Z"));
                }

                break;
        }
    }

    private void If(Rng rng)
    {
        Label otherwise = new();
        Condition(rng, 2, otherwise);
        Block(rng, 3);
        if (rng.Chance(50))
        {
            Label end = new();
            _il.Branch(OpCodes.Br, end);
            _il.Mark(otherwise);
            Block(rng, 3);
            _il.Mark(end);
        }
        else
        {
            _il.Mark(otherwise);
        }
    }

    private void Switch(Rng rng)
    {
        Label[] cases = [.. Enumerable.Range(0, rng.Between(1, 5)).Select(_ => new Label())];
        Label end = new();
        Expression(rng, Kind.I4, 2);
        if (rng.Chance(80))
        {
            _il.Int(7);
            _il.Emit(OpCodes.And);
        }

        _il.Switch([.. cases, .. rng.Chance(50) ? [cases[0], end] : Array.Empty<Label>()]);
        Block(rng, 2);
        if (rng.Chance(50))
        {
            _il.Branch(OpCodes.Br, end);
        }

        foreach (Label place in cases)
        {
            _il.Mark(place);
            Block(rng, 2);
            if (rng.Chance(60))
            {
                _il.Branch(OpCodes.Br, end);
            }
        }

        _il.Mark(end);
    }
}
