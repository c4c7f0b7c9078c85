using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Stress.Cil;

/// <content>Expressions: each leaves one value of its kind, whatever else is on the stack.</content>
internal sealed partial class BodyGenerator
{
    private static readonly OpCode[] s_compare = [OpCodes.Beq, OpCodes.Bge, OpCodes.Bgt, OpCodes.Ble, OpCodes.Blt, OpCodes.Bne_Un, OpCodes.Bge_Un, OpCodes.Bgt_Un, OpCodes.Ble_Un, OpCodes.Blt_Un];

    private void Expression(Rng parent, Kind kind, int depth)
    {
        Rng rng = new(parent.Next());
        if (depth > 0 && rng.Chance(8))
        {
            // A choice, with whatever is below it kept on the stack.
            Label other = new();
            Label end = new();
            Condition(rng, depth - 1, other);
            Expression(rng, kind, depth - 1);
            _il.Branch(OpCodes.Br, end);
            _il.Mark(other);
            Expression(rng, kind, depth - 1);
            _il.Mark(end);
            return;
        }

        if (depth > 0 && rng.Chance(6) && Call(rng, kind))
        {
            return;
        }

        if (depth > 0 && rng.Chance(5) && Writable(rng, kind) is { } kept)
        {
            Expression(rng, kind, depth - 1);
            _il.Emit(OpCodes.Dup);
            Store(kept);
            return;
        }

        switch (kind)
        {
            case Kind.I4 or Kind.U4:
                Int32(rng, kind, depth);
                break;
            case Kind.I8:
                Int64(rng, depth);
                break;
            case Kind.R8 or Kind.R4:
                Real(rng, kind, depth);
                break;
            case Kind.Ints:
                if (depth > 0 && !_isCallFree && rng.Chance(15))
                {
                    _il.Int(rng.Between(1, 16));
                    _il.Emit(OpCodes.Newarr, _shape.Types.Int32);
                }
                else if (rng.Chance(40))
                {
                    _il.Emit(OpCodes.Ldsfld, _shape.Static("A"));
                }
                else if (rng.Chance(20))
                {
                    Expression(rng, Kind.Node, 0);
                    _il.Emit(OpCodes.Ldfld, Shape.Field(_shape.Node, "Arr"));
                }
                else
                {
                    Load(rng.Any(Of(Kind.Ints)));
                }

                break;
            case Kind.Node:
                NodeOf(rng, depth);
                break;
            case Kind.S:
                if (Of(Kind.RefS) is { Count: > 0 } refs && rng.Chance(40))
                {
                    Load(refs[0]);
                    _il.Emit(OpCodes.Ldobj, _shape.S);
                }
                else
                {
                    Load(rng.Any(Of(Kind.S)));
                }

                break;
            default:
                if (kind == Kind.T && Of(Kind.RefT) is { Count: > 0 } byrefs && rng.Chance(30))
                {
                    Load(byrefs[0]);
                    _il.Emit(OpCodes.Ldobj, _t!);
                }
                else
                {
                    Load(rng.Any(Of(kind)));
                }

                break;
        }
    }

    private void NodeOf(Rng rng, int depth)
    {
        if (_method.HasThis && (_method.DeclaringType == _shape.Node || _method.DeclaringType == _shape.Sub) && rng.Chance(30))
        {
            _il.Emit(OpCodes.Ldarg_0);
        }
        else if (depth > 0 && !_isCallFree && rng.Chance(15))
        {
            _il.Emit(OpCodes.Newobj, rng.Pick(_shape.Node, _shape.Sub).Methods.Single(m => m.IsConstructor));
        }
        else if (depth > 0 && rng.Chance(25))
        {
            Expression(rng, Kind.Node, depth - 1);
            _il.Emit(OpCodes.Ldfld, Shape.Field(_shape.Node, "Next"));
        }
        else if (depth > 0 && !_isCallFree && rng.Chance(10))
        {
            Expression(rng, Kind.Node, depth - 1);
            _il.Emit(rng.Chance(50) ? OpCodes.Isinst : OpCodes.Castclass, _shape.Sub);
        }
        else
        {
            Load(rng.Any(Of(Kind.Node)));
        }
    }

    private void Int32(Rng rng, Kind kind, int depth)
    {
        if (depth <= 0)
        {
            if (rng.Chance(40))
            {
                _il.Int(rng.Chance(70) ? rng.Between(-9, 20) : rng.Chance(30) ? rng.Pick(int.MaxValue, int.MinValue, 255, 65536) : (int)rng.Next());
            }
            else if (rng.Chance(15))
            {
                _il.Emit(OpCodes.Ldsfld, _shape.Static(rng.Chance(50) ? "F0" : "F1"));
            }
            else
            {
                Load(rng.Any(Of(kind)));
            }

            return;
        }

        switch (rng.Below(18))
        {
            case 0 or 1 or 2 or 3:
                Expression(rng, kind, depth - 1);
                Expression(rng, kind, depth - 1);
                _il.Emit(rng.Pick(OpCodes.Add, OpCodes.Sub, OpCodes.Mul, OpCodes.And, OpCodes.Or, OpCodes.Xor));
                break;
            case 4:
                Expression(rng, kind, depth - 1);
                Expression(rng, Kind.I4, depth - 1);
                _il.Int(31);
                _il.Emit(OpCodes.And);
                _il.Emit(rng.Pick(OpCodes.Shl, OpCodes.Shr, OpCodes.Shr_Un));
                break;
            case 5:
                Expression(rng, kind, depth - 1);
                Expression(rng, kind, depth - 1);
                if (rng.Chance(80))
                {
                    _il.Int(1);
                    _il.Emit(OpCodes.Or);
                }

                _il.Emit(rng.Pick(OpCodes.Div, OpCodes.Rem, OpCodes.Div_Un, OpCodes.Rem_Un));
                break;
            case 6:
                Expression(rng, kind, depth - 1);
                Expression(rng, kind, depth - 1);
                _il.Emit(rng.Pick(OpCodes.Add_Ovf, OpCodes.Sub_Ovf, OpCodes.Mul_Ovf, OpCodes.Add_Ovf_Un, OpCodes.Add, OpCodes.Add));
                break;
            case 7:
                Expression(rng, kind, depth - 1);
                _il.Emit(rng.Pick(OpCodes.Neg, OpCodes.Not, OpCodes.Conv_I1, OpCodes.Conv_U2, OpCodes.Conv_U1));
                break;
            case 8:
                Kind compared = rng.Pick(Kind.I4, Kind.I8, Kind.R8, Kind.R4);
                Expression(rng, compared, depth - 1);
                Expression(rng, compared, depth - 1);
                _il.Emit(rng.Pick(OpCodes.Ceq, OpCodes.Clt, OpCodes.Cgt, OpCodes.Clt_Un, OpCodes.Cgt_Un));
                break;
            case 9:
                Expression(rng, Kind.I8, depth - 1);
                _il.Emit(rng.Pick(OpCodes.Conv_I4, OpCodes.Conv_U4, OpCodes.Conv_I2));
                break;
            case 10 or 11:
                ElementAddress(rng, depth, isReadOnly: rng.Chance(30), out bool isValue);
                if (!isValue)
                {
                    Prefix(rng);
                    _il.Emit(OpCodes.Ldind_I4);
                }

                break;
            case 12:
                Expression(rng, Kind.Ints, depth - 1);
                _il.Emit(OpCodes.Ldlen);
                _il.Emit(OpCodes.Conv_I4);
                break;
            case 13:
                Expression(rng, Kind.Node, depth - 1);
                _il.Emit(OpCodes.Ldfld, Shape.Field(_shape.Node, "V"));
                break;
            case 14:
                Address(rng.Any(Of(Kind.S)));
                if (rng.Chance(50))
                {
                    _il.Emit(OpCodes.Ldfld, Shape.Field(_shape.S, "X"));
                }
                else
                {
                    _il.Emit(OpCodes.Call, _shape.S.Methods.Single(m => m.Name == "Get"));
                }

                break;
            case 15:
                Load(rng.Any(Of(Kind.RefI4)));
                Prefix(rng);
                _il.Emit(OpCodes.Ldind_I4);
                break;
            case 16 when !_isCallFree:
                Expression(rng, kind, depth - 1);
                _il.Emit(OpCodes.Box, _shape.Types.Int32);
                _il.Emit(OpCodes.Unbox_Any, _shape.Types.Int32);
                break;
            case 17:
                _il.Emit(OpCodes.Volatile);
                _il.Emit(OpCodes.Ldsfld, new FieldReference("Vol", _shape.Static("Vol").FieldType, _shape.Sample));
                break;
            default:
                Expression(rng, kind, 0);
                break;
        }
    }

    // volatile. and unaligned. are allowed in either order.
    private void Prefix(Rng rng)
    {
        if (rng.Chance(15))
        {
            _il.Emit(OpCodes.Volatile);
        }

        if (rng.Chance(10))
        {
            _il.Emit(OpCodes.Unaligned, (byte)4);
        }
    }

    // The address of an element, or with a plain load the element itself.
    private void ElementAddress(Rng rng, int depth, bool isReadOnly, out bool isValue)
    {
        Expression(rng, Kind.Ints, depth - 1);
        Expression(rng, Kind.I4, depth - 1);
        if (rng.Chance(90))
        {
            _il.Int(rng.Pick(7, 7, 15));
            _il.Emit(OpCodes.And);
        }

        isValue = isReadOnly && rng.Chance(70);
        if (isValue)
        {
            _il.Emit(OpCodes.Ldelem_I4);
            return;
        }

        if (isReadOnly)
        {
            _il.Emit(OpCodes.Readonly);
        }

        _il.Emit(OpCodes.Ldelema, _shape.Types.Int32);
    }

    private void Int64(Rng rng, int depth)
    {
        switch (depth <= 0 ? 10 : rng.Below(10))
        {
            case 0 or 1 or 2:
                Expression(rng, Kind.I8, depth - 1);
                Expression(rng, Kind.I8, depth - 1);
                _il.Emit(rng.Pick(OpCodes.Add, OpCodes.Sub, OpCodes.Mul, OpCodes.Xor, OpCodes.And));
                break;
            case 3:
                Expression(rng, Kind.I8, depth - 1);
                Expression(rng, Kind.I4, depth - 1);
                _il.Int(63);
                _il.Emit(OpCodes.And);
                _il.Emit(rng.Pick(OpCodes.Shl, OpCodes.Shr, OpCodes.Shr_Un));
                break;
            case 4 or 5:
                Expression(rng, Kind.I4, depth - 1);
                _il.Emit(rng.Pick(OpCodes.Conv_I8, OpCodes.Conv_U8));
                break;
            case 6:
                Address(rng.Any(Of(Kind.S)));
                _il.Emit(OpCodes.Ldfld, Shape.Field(_shape.S, "Y"));
                break;
            case 7:
                Expression(rng, Kind.I8, depth - 1);
                Expression(rng, Kind.I8, depth - 1);
                if (rng.Chance(85))
                {
                    _il.Long(1);
                    _il.Emit(OpCodes.Or);
                }

                _il.Emit(rng.Pick(OpCodes.Div, OpCodes.Rem_Un));
                break;
            case 8:
                _il.Emit(OpCodes.Ldsfld, _shape.Static("L0"));
                break;
            case 9:
                Expression(rng, Kind.I8, depth - 1);
                Expression(rng, Kind.I8, depth - 1);
                _il.Emit(rng.Pick(OpCodes.Add_Ovf, OpCodes.Mul_Ovf_Un, OpCodes.Sub, OpCodes.Add));
                break;
            default:
                if (rng.Chance(30))
                {
                    _il.Long(rng.Chance(60) ? rng.Between(-5, 5) : (long)rng.Next());
                }
                else
                {
                    Load(rng.Any(Of(Kind.I8)));
                }

                break;
        }
    }

    private void Real(Rng rng, Kind kind, int depth)
    {
        switch (depth <= 0 ? 10 : rng.Below(9))
        {
            case 0 or 1 or 2 or 3:
                Expression(rng, kind, depth - 1);
                Expression(rng, kind, depth - 1);
                _il.Emit(rng.Pick(OpCodes.Add, OpCodes.Sub, OpCodes.Mul, OpCodes.Div));
                break;
            case 4:
                Expression(rng, kind, depth - 1);
                _il.Emit(OpCodes.Neg);
                break;
            case 5:
                Expression(rng, Kind.I4, depth - 1);
                _il.Emit(kind == Kind.R8 ? OpCodes.Conv_R8 : OpCodes.Conv_R4);
                break;
            case 6:
                Expression(rng, kind == Kind.R8 ? Kind.R4 : Kind.R8, depth - 1);
                _il.Emit(kind == Kind.R8 ? OpCodes.Conv_R8 : OpCodes.Conv_R4);
                break;
            case 7:
                Address(rng.Any(Of(Kind.S)));
                _il.Emit(OpCodes.Ldfld, Shape.Field(_shape.S, kind == Kind.R8 ? "Z" : "W"));
                break;
            case 8:
                _il.Emit(OpCodes.Ldsfld, _shape.Static(kind == Kind.R8 ? "G0" : "G1"));
                break;
            default:
                if (rng.Chance(30))
                {
                    double value = rng.Between(-20, 20) / 8.0;
                    if (kind == Kind.R8)
                    {
                        _il.Double(value);
                    }
                    else
                    {
                        _il.Single((float)value);
                    }
                }
                else
                {
                    Load(rng.Any(Of(kind)));
                }

                break;
        }
    }

    // Goes to the label if not; falls through if so.
    private void Condition(Rng rng, int depth, Label otherwise)
    {
        if (rng.Chance(25))
        {
            Expression(rng, rng.Chance(70) ? Kind.I4 : Kind.Node, depth);
            _il.Branch(rng.Chance(50) ? OpCodes.Brfalse : OpCodes.Brtrue, otherwise);
            return;
        }

        Kind kind = rng.Pick(Kind.I4, Kind.I4, Kind.U4, Kind.I8, Kind.R8, Kind.R4);
        Expression(rng, kind, depth);
        Expression(rng, kind, depth);
        _il.Branch(rng.Pick(s_compare), otherwise);
    }

    // if (d > 0 && --Fuel > 0) f(d - 1, ...) else an expression of the kind; nothing but a condition around it if the entry has seen to that.
    private bool Call(Rng rng, Kind kind)
    {
        if (_isCallFree || _depth is null || _around.Contains(Region.Filter))
        {
            return false;
        }

        bool isFree = _callsAreFree && _loops == 0;
        Label otherwise = new();
        Label end = new();
        (Action Emit, Kind Result)? call = Callee(rng, kind);
        if (call is null)
        {
            return false;
        }

        if (!isFree)
        {
            _il.Emit(OpCodes.Ldarg, _depth);
            _il.Int(0);
            _il.Branch(OpCodes.Ble, otherwise);
            DrawFuel(1);
            _il.Branch(OpCodes.Ble, otherwise);
        }

        call.Value.Emit();
        if (!isFree)
        {
            _il.Branch(OpCodes.Br, end);
            _il.Mark(otherwise);
            if (kind != Kind.Void)
            {
                Expression(rng, kind, 0);
            }

            _il.Mark(end);
        }

        return true;
    }

    private void Deeper()
    {
        _il.Emit(OpCodes.Ldarg, _depth!);
        _il.Int(1);
        _il.Emit(OpCodes.Sub);
    }
}
