using System.Runtime.CompilerServices;
using ILPreempt.Runtime;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Benchmarks;

/// <summary>A fixed amount of work by goroutines that pass a check in each round of their loop, as woven code does.</summary>
internal static class CheckedWork
{
    private static long s_sink;

    /// <summary>Returns when all of them are done.</summary>
    public static void Run(int goroutines, int rounds)
    {
        using CountdownEvent left = new(goroutines);
        for (int i = 0; i < goroutines; i++)
        {
            Goroutine.Start(() =>
            {
                uint x = 1;
                for (int n = 0; n < rounds; n++)
                {
                    Check();
                    x ^= x << 13;
                    x ^= x >> 17;
                    x ^= x << 5;
                }

                s_sink += x;
                left.Signal();
            });
        }

        left.Wait();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Check()
    {
        if (Volatile.Read(ref StackGuard.Poll) != 0)
        {
            StackGuard.MoreStack();
        }
    }
}
