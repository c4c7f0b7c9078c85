namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// Visits every P once, in an order that differs from thief to thief: start at a random position and go on by a random
/// stride that is coprime to the number of Ps (Go: randomOrder).
/// </summary>
internal sealed class StealOrder
{
    private readonly int _count;
    private readonly int[] _coprimes;

    internal StealOrder(int count)
    {
        _count = count;
        List<int> coprimes = [];
        for (int i = 1; i <= count; i++)
        {
            if (Gcd(i, count) == 1)
            {
                coprimes.Add(i);
            }
        }

        _coprimes = [.. coprimes];
    }

    internal Walk Start(uint random) =>
        new(_count, (int)(random % (uint)_count), _coprimes[(int)(random / (uint)_count % (uint)_coprimes.Length)]);

    private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);

    internal struct Walk(int count, int position, int stride)
    {
        private int _done;
        private int _position = position;

        internal readonly int Stride => stride;

        internal bool Next(out int index)
        {
            index = _position;
            if (_done++ == count)
            {
                return false;
            }

            _position = (_position + stride) % count;
            return true;
        }
    }
}
