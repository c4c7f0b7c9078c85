using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Stress.Cil;

/// <summary>
/// Writes one method. Every piece has random numbers of its own, drawn from a seed that is also its name: a piece that is left out
/// changes nothing in the others, which is what the minimiser lives on.
/// </summary>
/// <remarks>
/// Valid by construction: expressions know their kind, statements begin and end with an empty stack, a jump goes only where its
/// regions allow. It ends because a jump back draws on the one store of fuel or counts to a bound, and a call draws on fuel and depth.
/// Here: variables and the frame; the other parts have statements, loops, regions, expressions and calls.
/// </remarks>
internal sealed partial class BodyGenerator
{
    private readonly Shape _shape;
    private readonly Emitter _il;
    private readonly MethodDefinition _method;
    private readonly IReadOnlySet<ulong> _leftOut;
    private readonly List<ulong> _pieces;
    private readonly List<Variable> _variables = [];
    private readonly HashSet<Variable> _locked = [];
    private readonly List<Region> _around = [];
    private readonly List<(Label Place, int Depth)> _exits = [];
    private readonly GenericParameter? _t;
    private readonly ParameterDefinition? _depth;
    private readonly Label _return = new();
    private Variable? _result;
    private bool _returnIsUsed;
    private bool _isCallFree;
    private bool _callsAreFree;
    private int _loops;
    private int _budget;

    private BodyGenerator(Shape shape, MethodDefinition method, IReadOnlySet<ulong> leftOut, List<ulong> pieces)
    {
        _shape = shape;
        _method = method;
        _il = new Emitter(method);
        _leftOut = leftOut;
        _pieces = pieces;
        _t = method.GenericParameters.FirstOrDefault() ?? method.DeclaringType.GenericParameters.FirstOrDefault();
        _depth = method.Parameters.FirstOrDefault(p => p.Name == "d");
    }

    private enum Region
    {
        Try,
        Catch,
        Filter,
        Finally,
    }

    /// <summary>Replaces the body of a method.</summary>
    /// <param name="shape">The shell.</param>
    /// <param name="method">The method.</param>
    /// <param name="seed">What the body depends on.</param>
    /// <param name="leftOut">Pieces that are not written.</param>
    /// <param name="pieces">Gets the pieces that are.</param>
    public static void Write(Shape shape, MethodDefinition method, ulong seed, IReadOnlySet<ulong> leftOut, List<ulong> pieces) =>
        new BodyGenerator(shape, method, leftOut, pieces).Write(new Rng(seed));

    private void Write(Rng rng)
    {
        MethodBody body = new(_method) { InitLocals = true };
        _method.Body = body;
        foreach (ParameterDefinition parameter in _method.Parameters)
        {
            if (parameter != _depth)
            {
                _variables.Add(new Variable(_shape.KindOf(parameter.ParameterType), null, parameter));
            }
        }

        foreach (Kind kind in (ReadOnlySpan<Kind>)[Kind.I4, Kind.I4, Kind.I4, Kind.U4, Kind.I8, Kind.I8, Kind.R8, Kind.R8, Kind.R4, Kind.Ints, Kind.Node, Kind.S, Kind.RefI4])
        {
            NewLocal(kind);
        }

        if (_t is not null)
        {
            NewLocal(Kind.T);
        }

        Kind result = _shape.KindOf(_method.ReturnType);
        _result = result == Kind.Void ? null : NewLocal(result);
        bool startsWithBase = _depth is not null && rng.Chance(40);
        if (startsWithBase)
        {
            // if (d <= 0 || --Fuel <= 0) return x;
            Label goOn = new();
            Label enough = new();
            _il.Emit(OpCodes.Ldarg, _depth!);
            _il.Int(0);
            _il.Branch(OpCodes.Ble, enough);
            if (rng.Chance(50))
            {
                DrawFuel(1);
                _il.Branch(OpCodes.Bgt, goOn);
            }
            else
            {
                _il.Emit(OpCodes.Ldsfld, _shape.Static("Fuel"));
                _il.Int(0);
                _il.Branch(OpCodes.Bgt, goOn);
            }

            _il.Mark(enough);
            Return(rng);
            _il.Mark(goOn);
            _callsAreFree = true;
        }

        // The ref local points somewhere from the start.
        Variable target = rng.Any(Of(Kind.I4));
        Address(target);
        Store(_variables.Find(v => v.Kind == Kind.RefI4 && v.Local is not null)!);
        foreach (Variable variable in _variables.Where(v => v.Local is not null && v.Kind is Kind.I4 or Kind.I8 or Kind.R8 or Kind.Ints or Kind.Node or Kind.T))
        {
            if (rng.Chance(70) && variable.Local is not null)
            {
                Expression(rng, variable.Kind, 1);
                Store(variable);
            }
        }

        _budget = rng.Between(4, 40);
        int statements = rng.Between(2, 8);
        for (int i = 0; i < statements; i++)
        {
            Statement(rng);
        }

        if (rng.Chance(20) && TailCall(rng))
        {
            // It has returned.
        }
        else
        {
            Return(rng);
        }

        if (_returnIsUsed)
        {
            _il.Mark(_return);
            if (_result is not null)
            {
                Load(_result);
            }

            _il.Emit(OpCodes.Ret);
        }

        _il.Finish(body);
    }

    private void Return(Rng rng)
    {
        if (_result is not null)
        {
            Expression(rng, _result.Kind, 2);
        }

        _il.Emit(OpCodes.Ret);
    }

    private Variable NewLocal(Kind kind)
    {
        VariableDefinition local = new(_shape.TypeOf(kind, _t));
        _method.Body.Variables.Add(local);
        Variable variable = new(kind, local, null);
        _variables.Add(variable);
        return variable;
    }

    private List<Variable> Of(Kind kind) => _variables.FindAll(v => v.Kind == kind);

    private Variable? Writable(Rng rng, Kind kind)
    {
        List<Variable> all = _variables.FindAll(v => v.Kind == kind && !_locked.Contains(v) && v != _result);
        return all.Count == 0 ? null : rng.Any(all);
    }

    private void Load(Variable variable)
    {
        if (variable.Local is { } local)
        {
            _il.Emit(OpCodes.Ldloc, local);
        }
        else
        {
            _il.Emit(OpCodes.Ldarg, variable.Parameter!);
        }
    }

    private void Store(Variable variable)
    {
        if (variable.Local is { } local)
        {
            _il.Emit(OpCodes.Stloc, local);
        }
        else
        {
            _il.Emit(OpCodes.Starg, variable.Parameter!);
        }
    }

    private void Address(Variable variable)
    {
        if (variable.Local is { } local)
        {
            _il.Emit(OpCodes.Ldloca, local);
        }
        else
        {
            _il.Emit(OpCodes.Ldarga, variable.Parameter!);
        }
    }

    // Leaves what is left of the fuel and 0, for a comparison.
    private void DrawFuel(int much)
    {
        FieldDefinition fuel = _shape.Static("Fuel");
        _il.Emit(OpCodes.Ldsfld, fuel);
        _il.Int(much);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.Dup);
        _il.Emit(OpCodes.Stsfld, fuel);
        _il.Int(0);
    }

    private sealed record Variable(Kind Kind, VariableDefinition? Local, ParameterDefinition? Parameter)
    {
        public bool Equals(Variable? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
    }
}
