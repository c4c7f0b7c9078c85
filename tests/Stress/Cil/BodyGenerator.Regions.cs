using Mono.Cecil.Cil;

namespace ILPreempt.Stress.Cil;

/// <content>Protected regions, and the ways out of them and of loops: break, continue, return, throw.</content>
internal sealed partial class BodyGenerator
{
    // break, continue or return, now and then; leave where there is a block to leave.
    private void Exit(Rng rng)
    {
        Label stay = new();
        Condition(rng, 1, stay);
        int least = _around.FindLastIndex(r => r is Region.Finally or Region.Filter) + 1;
        List<(Label Place, int Depth)> exits = _exits.FindAll(e => e.Depth >= least);
        if (exits.Count > 0 && rng.Chance(75))
        {
            (Label place, int depth) = rng.Any(exits);
            bool leaves = depth < _around.Count;
            if (leaves && rng.Chance(20))
            {
                // What is on the stack is dropped.
                Expression(rng, Kind.I4, 0);
            }

            _il.Branch(leaves ? OpCodes.Leave : OpCodes.Br, place);
        }
        else if (_around.Count == 0 && rng.Chance(40))
        {
            Return(rng);
        }
        else if (_around.Count > 0 && least == 0 && rng.Chance(40))
        {
            if (_result is not null)
            {
                Expression(rng, _result.Kind, 1);
                Store(_result);
            }

            _returnIsUsed = true;
            _il.Branch(OpCodes.Leave, _return);
        }

        _il.Mark(stay);
    }

    private void Throw(Rng rng)
    {
        Label stay = new();
        if (_around.Count == 0 && rng.Chance(60))
        {
            return;
        }

        Condition(rng, 1, stay);
        if (_around.Count > 0 && _around[^1] == Region.Catch && rng.Chance(40))
        {
            _il.Emit(OpCodes.Rethrow);
        }
        else if (rng.Chance(15))
        {
            _il.Emit(OpCodes.Ldnull);
            _il.Emit(OpCodes.Throw);
        }
        else
        {
            _il.Emit(OpCodes.Newobj, rng.Pick(_shape.ExceptionNews));
            _il.Emit(OpCodes.Throw);
        }

        _il.Mark(stay);
    }

    private void Protected(Rng rng)
    {
        if (_around.Count > 3)
        {
            Assign(rng);
            return;
        }

        int form = rng.Below(10);
        Label end = new();
        Label start = _il.MarkNew();
        Label tryEnd = new();
        Label loop = start;
        _around.Add(Region.Try);
        bool loops = rng.Chance(15);
        Block(rng, 3);
        if (loops && _loops < 2)
        {
            // Back to the start, from inside or by leaving.
            Label enough = new();
            DrawFuel(rng.Between(20, 200));
            _il.Branch(OpCodes.Ble, enough);
            _il.Branch(rng.Chance(50) ? OpCodes.Br : OpCodes.Leave, loop);
            _il.Mark(enough);
        }

        _il.Branch(OpCodes.Leave, end);
        _around.RemoveAt(_around.Count - 1);
        _il.Mark(tryEnd);
        Label handlerEnd = new();
        if (form < 4)
        {
            Handler(rng);
            _il.Branch(OpCodes.Leave, end);
            _around.RemoveAt(_around.Count - 1);
            _il.Mark(handlerEnd);
            _il.Region(ExceptionHandlerType.Catch, rng.Chance(50) ? _shape.Types.Object : rng.Pick(_shape.Exceptions), start, tryEnd, tryEnd, handlerEnd);
        }
        else if (form < 6)
        {
            // A filter that now and then says no.
            Label handler = new();
            _around.Add(Region.Filter);
            _il.Emit(OpCodes.Call, _shape.Helper("MixE"));
            if (rng.Chance(40))
            {
                bool wasCallFree = _isCallFree;
                _isCallFree = true;
                Block(rng, 2);
                _isCallFree = wasCallFree;
            }

            Expression(rng, Kind.I4, 1);
            _il.Emit(OpCodes.Call, _shape.Helper("Ask"));
            _il.Emit(OpCodes.Endfilter);
            _around.RemoveAt(_around.Count - 1);
            _il.Mark(handler);
            Handler(rng);
            _il.Branch(OpCodes.Leave, end);
            _around.RemoveAt(_around.Count - 1);
            _il.Mark(handlerEnd);
            _il.Region(ExceptionHandlerType.Filter, null, start, tryEnd, handler, handlerEnd, tryEnd);
        }
        else
        {
            _around.Add(Region.Finally);
            Block(rng, 3);
            _il.Emit(OpCodes.Endfinally);
            _around.RemoveAt(_around.Count - 1);
            _il.Mark(handlerEnd);
            _il.Region(form < 9 ? ExceptionHandlerType.Finally : ExceptionHandlerType.Fault, null, start, tryEnd, tryEnd, handlerEnd);
        }

        _il.Mark(end);
    }

    // The exception is on the stack.
    private void Handler(Rng rng)
    {
        _around.Add(Region.Catch);
        if (rng.Chance(70))
        {
            _il.Emit(OpCodes.Call, _shape.Helper("MixE"));
        }
        else
        {
            _il.Emit(OpCodes.Pop);
        }

        Block(rng, 2);
    }
}
