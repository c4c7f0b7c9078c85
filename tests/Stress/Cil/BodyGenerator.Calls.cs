using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Stress.Cil;

/// <content>Calls: static, instance, virtual, through an interface, a constraint or a delegate, generic, tail.</content>
internal sealed partial class BodyGenerator
{
    private (Action Emit, Kind Result)? Callee(Rng rng, Kind kind)
    {
        List<Action> all = [];
        foreach (MethodDefinition method in _shape.Bodies)
        {
            bool isPlain = method.DeclaringType == _shape.Sample && !method.HasGenericParameters;
            if (isPlain && _shape.KindOf(method.ReturnType) == kind)
            {
                all.Add(() =>
                {
                    Arguments(rng, method, null);
                    _il.Emit(OpCodes.Call, method);
                });
            }
        }

        switch (kind)
        {
            case Kind.I4:
                all.AddRange(
                    () => Virtual(rng),
                    () => Interface(rng),
                    () => Constrained(rng, _shape.S),
                    () => Delegate(rng),
                    () => Delegate(rng),
                    () => GenericMethod(rng, "Gen", _shape.S),
                    () => GenericMethod(rng, "Gen", _shape.Node),
                    () => GenericMethod(rng, "Either", _shape.Types.Int32),
                    () => OnBox(rng, _shape.Types.Int32),
                    () => OnBox(rng, _shape.Node),
                    () => Static(rng, _shape.OfBox("Stat", _shape.Types.Int32), _shape.Types.Int32),
                    () => Static(rng, _shape.Late.Methods.Single(m => m.Name == "M"), null));
                if (_method.Name == "Gen")
                {
                    all.AddRange(() => Constrained(rng, _t!), () => GenericMethod(rng, "Gen", _t!));
                }

                break;
            case Kind.Node:
                all.AddRange(() => GenericMethod(rng, "Either", _shape.Node), () => Static(rng, _shape.OfBox("Stat", _shape.Node), _shape.Node));
                break;
            case Kind.S:
                all.Add(() => GenericMethod(rng, "Either", _shape.S));
                break;
            case Kind.T:
                all.AddRange(() => GenericMethod(rng, "Either", _t!), () => Static(rng, _shape.OfBox("Stat", _t!), _t!));
                break;
            case Kind.R8:
                all.Add(() =>
                {
                    Expression(rng, Kind.Node, 1);
                    MethodDefinition own = _shape.Node.Methods.Single(m => m.Name == "Own");
                    Arguments(rng, own, null);
                    _il.Emit(rng.Chance(50) ? OpCodes.Callvirt : OpCodes.Call, own);
                });
                break;
            default:
                break;
        }

        return all.Count == 0 ? null : (rng.Any(all), kind);
    }

    private void Static(Rng rng, MethodReference method, TypeReference? t)
    {
        Arguments(rng, method, t);
        _il.Emit(OpCodes.Call, method);
    }

    private void Virtual(Rng rng)
    {
        Expression(rng, Kind.Node, 1);
        Arguments(rng, _shape.Go, null);
        _il.Emit(OpCodes.Callvirt, _shape.Node.Methods.Single(m => m.Name == "Go"));
    }

    private void Interface(Rng rng)
    {
        if (rng.Chance(50))
        {
            Expression(rng, Kind.Node, 1);
        }
        else
        {
            Expression(rng, Kind.S, 0);
            _il.Emit(OpCodes.Box, _shape.S);
        }

        Arguments(rng, _shape.Go, null);
        _il.Emit(OpCodes.Callvirt, _shape.Go);
    }

    private void Constrained(Rng rng, TypeReference type)
    {
        Kind kind = _shape.KindOf(type);
        Address(rng.Any(Of(kind)));
        Arguments(rng, _shape.Go, null);
        _il.Emit(OpCodes.Constrained, type);
        _il.Emit(OpCodes.Callvirt, _shape.Go);
    }

    private void Delegate(Rng rng)
    {
        if (rng.Chance(50))
        {
            _il.Emit(OpCodes.Ldnull);
            _il.Emit(OpCodes.Ldftn, _shape.Helper("M5"));
        }
        else
        {
            Expression(rng, Kind.Node, 1);
            _il.Emit(OpCodes.Dup);
            _il.Emit(OpCodes.Ldvirtftn, _shape.Node.Methods.Single(m => m.Name == "Go"));
        }

        _il.Emit(OpCodes.Newobj, _shape.FuncNew);
        Arguments(rng, _shape.Go, null);
        _il.Emit(OpCodes.Callvirt, _shape.FuncInvoke);
    }

    private void GenericMethod(Rng rng, string name, TypeReference t)
    {
        MethodDefinition method = _shape.Helper(name);
        Arguments(rng, method, t);
        _il.Emit(OpCodes.Call, Shape.Of(method, t));
    }

    private void OnBox(Rng rng, TypeReference t)
    {
        GenericInstanceType box = new(_shape.Box);
        box.GenericArguments.Add(t);
        _il.Emit(OpCodes.Newobj, new MethodReference(".ctor", _shape.Types.Void, box) { HasThis = true });
        MethodReference work = _shape.OfBox("Work", t);
        Arguments(rng, work, t);
        _il.Emit(OpCodes.Callvirt, work);
    }

    // All but the receiver. Generic parameters stand for t.
    private void Arguments(Rng rng, MethodReference method, TypeReference? t)
    {
        for (int i = 0; i < method.Parameters.Count; i++)
        {
            Kind kind = _shape.KindOf(method.Parameters[i].ParameterType);
            if (i == 0)
            {
                Deeper();
            }
            else if (kind is Kind.RefI4 or Kind.RefS or Kind.RefT)
            {
                Reference(rng, kind switch { Kind.RefI4 => Kind.I4, Kind.RefS => Kind.S, _ => _shape.KindOf(t!) });
            }
            else
            {
                Expression(rng, kind == Kind.T ? _shape.KindOf(t!) : kind, 1);
            }
        }
    }

    private void Reference(Rng rng, Kind kind)
    {
        if (kind == Kind.I4 && rng.Chance(60))
        {
            switch (rng.Below(3))
            {
                case 0:
                    ElementAddress(rng, 1, isReadOnly: false, out _);
                    return;
                case 1:
                    Load(rng.Any(Of(Kind.RefI4)));
                    return;
                default:
                    _il.Emit(OpCodes.Ldsflda, _shape.Static("F1"));
                    return;
            }
        }

        if (kind == Kind.S && rng.Chance(40))
        {
            Expression(rng, Kind.Node, 0);
            _il.Emit(OpCodes.Ldflda, Shape.Field(_shape.Node, "Sv"));
            return;
        }

        Address(Writable(rng, kind) ?? NewLocal(kind));
    }

    // tail. call f(d - 1, ...); ret, where no address of a variable is handed on.
    private bool TailCall(Rng rng)
    {
        MethodDefinition? target = _shape.Bodies.Find(m => m.DeclaringType == _shape.Sample && !m.HasGenericParameters
            && m.ReturnType == _method.ReturnType && !m.Parameters.Any(p => p.ParameterType.IsByReference));
        if (target is null || _depth is null)
        {
            return false;
        }

        Label enough = new();
        _il.Emit(OpCodes.Ldarg, _depth);
        _il.Int(0);
        _il.Branch(OpCodes.Ble, enough);
        DrawFuel(1);
        _il.Branch(OpCodes.Ble, enough);
        Arguments(rng, target, null);
        _il.Emit(OpCodes.Tail);
        _il.Emit(OpCodes.Call, target);
        _il.Emit(OpCodes.Ret);
        _il.Mark(enough);
        Return(rng);
        return true;
    }
}
