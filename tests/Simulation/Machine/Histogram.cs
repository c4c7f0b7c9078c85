using System.Numerics;

namespace ILPreempt.Simulation;

/// <summary>Durations in ns, in buckets of 1/16 of a power of two.</summary>
internal sealed class Histogram
{
    private const int Fine = 4;

    private readonly long[] _buckets = new long[64 << Fine];

    internal long Count { get; private set; }

    internal long Sum { get; private set; }

    internal long Max { get; private set; }

    internal double Mean => Sum / (double)Math.Max(1, Count);

    internal void Add(long ns)
    {
        int power = BitOperations.Log2((ulong)ns | 1);
        int index = power <= Fine ? (int)ns : ((power - Fine + 1) << Fine) + (int)((ns >> (power - Fine)) & 15);
        _buckets[index]++;
        Count++;
        Sum += ns;
        Max = Math.Max(Max, ns);
    }

    /// <summary>The upper end of the bucket in which the share lies.</summary>
    internal long Percentile(double share)
    {
        long left = (long)Math.Ceiling(Count * share);
        for (int i = 0; i < _buckets.Length; i++)
        {
            left -= _buckets[i];
            if (left <= 0)
            {
                int power = (i >> Fine) + Fine - 1;
                return i < 2 << Fine ? Math.Min(i, Max) : Math.Min(Max, ((long)((i & 15) + 17) << (power - Fine)) - 1);
            }
        }

        return Max;
    }
}
