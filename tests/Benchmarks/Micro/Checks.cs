using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using ILPreempt.Runtime;

namespace ILPreempt.Benchmarks.Micro;

/// <summary>The check in a loop of nothing but one addition and a store, and the same loop without.</summary>
public class Checks
{
    private const int Rounds = 10_000;

    private long _sum;

    /// <summary>The loop.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Rounds)]
    public void Without()
    {
        for (int i = 0; i < Rounds; i++)
        {
            Step(i);
        }
    }

    /// <summary>With what the weaver puts into its head.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public void With()
    {
        for (int i = 0; i < Rounds; i++)
        {
            if (Volatile.Read(ref StackGuard.Poll) != 0)
            {
                StackGuard.MoreStack();
            }

            Step(i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Step(int i) => Volatile.Write(ref _sum, _sum + i);
}
