using System.Numerics;
using System.Runtime.InteropServices;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// How long goroutines wait from runnable to running (Go: /sched/latencies): a histogram in unmanaged memory, eight buckets to a power of
/// two, so that a percentile is at most 12.5 % too high. Filled on the dispatch path by one interlocked add, and only while
/// somebody asked for it. The counts only grow: who wants the last second subtracts two snapshots.
/// </summary>
internal static unsafe class ScheduleLatency
{
    private const int SubBits = 3;
    private const int Buckets = (64 - SubBits + 1) << SubBits;

    private static readonly Lock s_lock = new();
    private static long* s_counts;
    private static int s_users;

    /// <summary>Begins to measure, until Disable was called as often.</summary>
    internal static void Enable()
    {
        lock (s_lock)
        {
            if (s_users++ == 0)
            {
                Tracing.Set(Tracing.Latency);
            }
        }
    }

    /// <summary>Undoes one Enable.</summary>
    internal static void Disable()
    {
        lock (s_lock)
        {
            if (s_users > 0 && --s_users == 0)
            {
                Tracing.Clear(Tracing.Latency);
            }
        }
    }

    /// <summary>What was counted so far.</summary>
    internal static LatencySnapshot Snapshot()
    {
        Prepare();
        long[] counts = new long[Buckets];
        for (int i = 0; i < Buckets; i++)
        {
            counts[i] = Volatile.Read(ref s_counts[i]);
        }

        return new LatencySnapshot(counts);
    }

    /// <summary>Makes the memory. Never freed: a goroutine may be on its way here at any time.</summary>
    internal static void Prepare()
    {
        lock (s_lock)
        {
            if (s_counts == null)
            {
                s_counts = (long*)NativeMemory.AllocZeroed(Buckets, sizeof(long));
            }
        }
    }

    /// <summary>Counts one wait. The dispatch path, behind Tracing.Flags.</summary>
    internal static void Add(long ns) => Interlocked.Increment(ref s_counts[BucketOf(ns)]);

    /// <summary>The bucket of a value: small values have their own, above that three bits follow the leading one.</summary>
    internal static int BucketOf(long ns)
    {
        ulong value = ns < 0 ? 0 : (ulong)ns;
        if (value < 1 << SubBits)
        {
            return (int)value;
        }

        int shift = BitOperations.Log2(value) - SubBits;
        return ((shift + 1) << SubBits) + (int)((value >> shift) & ((1 << SubBits) - 1));
    }

    /// <summary>The largest value of a bucket.</summary>
    internal static long UpperOf(int bucket)
    {
        if (bucket < 1 << SubBits)
        {
            return bucket;
        }

        int shift = (bucket >> SubBits) - 1;
        ulong low = (ulong)((bucket & ((1 << SubBits) - 1)) | (1 << SubBits)) << shift;
        return (long)Math.Min(low + (1UL << shift) - 1, long.MaxValue);
    }
}

/// <summary>The counts of one moment, or the difference of two.</summary>
internal sealed class LatencySnapshot(long[] counts)
{
    /// <summary>How many waits.</summary>
    internal long Count { get; } = counts.Sum();

    /// <summary>The percentiles in nanoseconds; 0 where nothing was counted.</summary>
    internal long P50 => Percentile(0.5);

    internal long P90 => Percentile(0.9);

    internal long P99 => Percentile(0.99);

    internal long Max => Percentile(1);

    /// <summary>What was counted since <paramref name="before"/>.</summary>
    internal LatencySnapshot Since(LatencySnapshot before) => new([.. counts.Zip(before.Counts, (now, then) => now - then)]);

    /// <summary>How many waits each bucket has.</summary>
    internal IReadOnlyList<long> Counts => counts;

    /// <summary>The value that <paramref name="share"/> of the waits do not exceed.</summary>
    internal long Percentile(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(Count * share));
        long seen = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            seen += counts[i];
            if (seen >= rank)
            {
                return ScheduleLatency.UpperOf(i);
            }
        }

        return 0;
    }
}
