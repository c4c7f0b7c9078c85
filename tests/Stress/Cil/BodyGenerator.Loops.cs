using Mono.Cecil.Cil;

namespace ILPreempt.Stress.Cil;

/// <content>Loops, and pieces that jump to each other as they like.</content>
internal sealed partial class BodyGenerator
{
    // for (i = a; i < n; i += c) in the forms of compilers and in some others.
    private void Counted(Rng rng)
    {
        bool wasCallFree = _isCallFree;
        _isCallFree |= rng.Chance(65);
        bool isLong = _loops == 0 && _isCallFree && rng.Chance(25);
        Label end = new();
        if (isLong)
        {
            DrawFuel(300);
            _il.Branch(OpCodes.Ble, end);
        }
        else if (rng.Chance(60) || _loops > 1)
        {
            DrawFuel(3);
            _il.Branch(OpCodes.Ble, end);
        }

        Kind kind = rng.Chance(75) ? Kind.I4 : rng.Pick(Kind.U4, Kind.I8);
        int step = rng.Chance(60) ? 1 : rng.Pick(2, 3, 4, 7, 64);
        int rounds = isLong ? rng.Pick(3000, 9000, 30000) : rng.Between(0, 12);
        bool isUp = kind == Kind.U4 || rng.Chance(70);
        bool isAtEnd = kind == Kind.I4 && rng.Chance(12);
        long from = isAtEnd ? (isUp ? int.MaxValue - ((long)(rounds + 2) * step) : int.MinValue + ((long)(rounds + 2) * step)) : kind == Kind.U4 ? rng.Between(0, 5) : rng.Between(-20, 20);
        long to = isUp ? from + ((long)rounds * step) - rng.Below(step) : from - ((long)rounds * step) + rng.Below(step);
        to = kind == Kind.U4 ? Math.Max(0, to) : to;
        Variable counter = NewLocal(kind);
        Variable? limit = null;
        int form = kind == Kind.I4 && !isLong && isUp && !isAtEnd ? rng.Below(8) : rng.Below(4);
        if (form is 1 or 2)
        {
            limit = NewLocal(kind);
            Constant(kind, to);
            Store(limit);
        }

        if (form == 2 && kind == Kind.I4 && !isLong)
        {
            // A bound that a compiler does not know.
            _il.Emit(OpCodes.Ldsfld, _shape.Static("F0"));
            _il.Int(15);
            _il.Emit(OpCodes.And);
            _il.Int((int)Math.Clamp(isUp ? from : from - 15, int.MinValue + 4096, int.MaxValue - 4096));
            _il.Emit(OpCodes.Add);
            Store(limit!);
        }

        if (rng.Chance(85))
        {
            Constant(kind, from);
        }
        else
        {
            Load(counter);
            Constant(kind, 0);
            _il.Emit(OpCodes.And);
            Constant(kind, from);
            _il.Emit(OpCodes.Add);
        }

        Store(counter);
        Label head = new();
        Label condition = new();
        Label step1 = new();
        bool isAtBottom = rng.Chance(80);
        if (isAtBottom && rng.Chance(90))
        {
            _il.Branch(OpCodes.Br, condition);
        }

        _il.Mark(head);
        if (!isAtBottom)
        {
            Load(counter);
            Bound();
            _il.Branch(Opposite(), end);
        }

        _locked.Add(counter);
        if (limit is not null)
        {
            _locked.Add(limit);
        }

        _loops += isLong ? 2 : 1;
        _exits.Add((end, _around.Count));
        _exits.Add((step1, _around.Count));
        Body();
        _exits.RemoveRange(_exits.Count - 2, 2);
        _loops -= isLong ? 2 : 1;
        _il.Mark(step1);
        Load(counter);
        if (rng.Chance(10))
        {
            _il.Emit(OpCodes.Dup);
            _il.Emit(OpCodes.Pop);
        }

        Constant(kind, step);
        _il.Emit(isUp ? OpCodes.Add : OpCodes.Sub);
        Store(counter);
        if (!isAtBottom)
        {
            _il.Branch(OpCodes.Br, head);
        }

        _il.Mark(condition);
        if (isAtBottom)
        {
            Load(counter);
            Bound();
            _il.Branch(isUp
                ? (kind == Kind.U4 ? rng.Pick(OpCodes.Blt_Un, OpCodes.Ble_Un) : rng.Pick(OpCodes.Blt, OpCodes.Blt, OpCodes.Ble))
                : rng.Pick(OpCodes.Bgt, OpCodes.Bgt, OpCodes.Bge), head);
        }

        _il.Mark(end);
        _isCallFree = wasCallFree;
        if (rng.Chance(60))
        {
            _locked.Remove(counter);
        }

        void Body()
        {
            if (_isCallFree && rng.Chance(50))
            {
                Accumulate(rng, counter);
            }

            Block(rng, 3);
        }

        OpCode Opposite() => isUp ? (kind == Kind.U4 ? OpCodes.Bge_Un : OpCodes.Bge) : OpCodes.Ble;

        void Bound()
        {
            switch (form)
            {
                case 1 or 2:
                    Load(limit!);
                    break;
                case 4 or 5:
                    _il.Emit(OpCodes.Ldsfld, _shape.Static("A"));
                    _il.Emit(OpCodes.Ldlen);
                    _il.Emit(OpCodes.Conv_I4);
                    break;
                case 6:
                    Load(Of(Kind.Ints)[0]);
                    _il.Emit(OpCodes.Ldlen);
                    _il.Emit(OpCodes.Conv_I4);
                    break;
                case 7:
                    Load(Of(Kind.Node)[0]);
                    _il.Emit(OpCodes.Ldfld, Shape.Field(_shape.Node, "Arr"));
                    _il.Emit(OpCodes.Ldlen);
                    _il.Emit(OpCodes.Conv_I4);
                    break;
                default:
                    Constant(kind, to);
                    break;
            }
        }
    }

    // x += something with the counter: what kernels do.
    private void Accumulate(Rng rng, Variable counter)
    {
        Kind kind = rng.Pick(Kind.I4, Kind.I8, Kind.R8, Kind.R8, Kind.R4);
        if (Writable(rng, kind) is not { } sum)
        {
            return;
        }

        Load(sum);
        if (counter.Kind == Kind.I4 && rng.Chance(60))
        {
            Expression(rng, Kind.Ints, 0);
            Load(counter);
            if (rng.Chance(70))
            {
                _il.Int(7);
                _il.Emit(OpCodes.And);
            }

            _il.Emit(OpCodes.Ldelem_I4);
        }
        else
        {
            Load(counter);
        }

        _il.Emit(kind switch { Kind.I4 => OpCodes.Conv_I4, Kind.I8 => OpCodes.Conv_I8, Kind.R8 => OpCodes.Conv_R8, _ => OpCodes.Conv_R4 });
        _il.Emit(rng.Pick(OpCodes.Add, OpCodes.Sub, OpCodes.Mul));
        Store(sum);
    }

    private void Constant(Kind kind, long value)
    {
        if (kind == Kind.I8)
        {
            _il.Long(value);
        }
        else
        {
            _il.Int((int)value);
        }
    }

    // Loops without a counter: over fuel, over the bits of a number, over a list.
    private void While(Rng rng)
    {
        bool wasCallFree = _isCallFree;
        _isCallFree |= rng.Chance(60);
        Label head = new();
        Label condition = new();
        Label end = new();
        int form = rng.Below(5);
        Variable? moving = null;
        if (form is 1 or 2)
        {
            moving = NewLocal(rng.Pick(Kind.U4, Kind.I8));
            Expression(rng, moving.Kind, 2);
            Store(moving);
        }
        else if (form == 3)
        {
            moving = NewLocal(Kind.Node);
            Expression(rng, Kind.Node, 1);
            Store(moving);
        }

        if (rng.Chance(60))
        {
            _il.Branch(OpCodes.Br, condition);
        }

        _il.Mark(head);
        if (moving is not null)
        {
            _locked.Add(moving);
        }

        _loops++;
        _exits.Add((end, _around.Count));
        _exits.Add((condition, _around.Count));
        Block(rng, 3);
        _exits.RemoveRange(_exits.Count - 2, 2);
        _loops--;
        _il.Mark(condition);
        switch (form)
        {
            case 1 or 2:
                Load(moving!);
                _il.Int(form);
                _il.Emit(OpCodes.Shr_Un);
                _il.Emit(OpCodes.Dup);
                Store(moving!);
                if (moving!.Kind == Kind.I8)
                {
                    _il.Long(0);
                    _il.Branch(OpCodes.Bne_Un, head);
                }
                else
                {
                    _il.Branch(OpCodes.Brtrue, head);
                }

                break;
            case 3:
                // The list may have become a ring.
                DrawFuel(1);
                _il.Branch(OpCodes.Ble, end);
                Load(moving!);
                _il.Branch(OpCodes.Brfalse, end);
                Load(moving!);
                _il.Emit(OpCodes.Ldfld, Shape.Field(_shape.Node, "Next"));
                _il.Emit(OpCodes.Dup);
                Store(moving!);
                _il.Branch(OpCodes.Brtrue, head);
                break;
            default:
                DrawFuel(rng.Between(1, 40));
                if (rng.Chance(50))
                {
                    _il.Branch(OpCodes.Bgt, head);
                }
                else
                {
                    _il.Branch(OpCodes.Ble, end);
                    Condition(rng, 1, end);
                    _il.Branch(OpCodes.Br, head);
                }

                break;
        }

        _il.Mark(end);
        _isCallFree = wasCallFree;
    }

    // Pieces that jump to each other as they like.
    private void Jumps(Rng rng)
    {
        Label[] places = [.. Enumerable.Range(0, rng.Between(2, 5)).Select(_ => new Label())];
        Label end = new();
        _loops++;
        for (int i = 0; i < places.Length; i++)
        {
            _il.Mark(places[i]);
            DrawFuel(rng.Between(5, 60));
            _il.Branch(OpCodes.Ble, end);
            Block(rng, 2);
            Condition(rng, 1, rng.Pick(places));
            if (rng.Chance(25))
            {
                _il.Branch(OpCodes.Br, rng.Pick(places));
            }
        }

        _loops--;
        _il.Mark(end);
    }

    // A loop that carries a value on the stack.
    private void StackLoop(Rng rng)
    {
        Kind kind = rng.Pick(Kind.I4, Kind.I8, Kind.R8);
        Variable left = NewLocal(Kind.I4);
        _locked.Add(left);
        Expression(rng, kind, 2);
        _il.Int(rng.Between(1, 9));
        Store(left);
        Label head = _il.MarkNew();
        _loops++;
        Expression(rng, kind, 2);
        _il.Emit(rng.Pick(OpCodes.Add, OpCodes.Sub));
        if (rng.Chance(30))
        {
            Label skip = new();
            Condition(rng, 1, skip);
            _il.Emit(OpCodes.Neg);
            _il.Mark(skip);
        }

        _loops--;
        Load(left);
        _il.Int(1);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.Dup);
        Store(left);
        _il.Branch(OpCodes.Brtrue, head);
        if (Writable(rng, kind) is { } target && rng.Chance(80))
        {
            Store(target);
        }
        else
        {
            _il.Emit(OpCodes.Pop);
        }
    }
}
