using System.Diagnostics;

namespace ILPreempt.Simulation;

/// <summary>What single steps cost on the machine at hand, to compare with Costs. The best of many tries, so that other programs do not count.</summary>
internal static class Prices
{
    private static long s_word;

    internal static void Print()
    {
        Print("interlocked add, line at hand", Best(1000, static () => Interlocked.Increment(ref s_word)));
        Print("clock", Best(1000, static () => Stopwatch.GetTimestamp()));
        Print("getcpu", Best(1000, static () => Thread.GetCurrentProcessorId()));
        Print("turn given and taken back, one CPU", Turns());
        Print("thread made and started", Best(1, static () => new Thread(static () => { }, 256 * 1024) { IsBackground = true }.UnsafeStart()));
    }

    private static void Print(string what, double ns) => Console.WriteLine($"{what,-40} {ns:F0} ns");

    private static double Best(int times, Action what)
    {
        double best = double.MaxValue;
        for (int i = 0; i < 300; i++)
        {
            long began = Stopwatch.GetTimestamp();
            for (int n = 0; n < times; n++)
            {
                what();
            }

            best = Math.Min(best, (Stopwatch.GetTimestamp() - began) * (1e9 / Stopwatch.Frequency) / times);
        }

        return best;
    }

    private static double Turns()
    {
        SimThread here = new();
        SimThread there = new();
        new Thread(() =>
        {
            SimThread.StayOnOneCpu();
            while (true)
            {
                there.AwaitTurn();
                here.GiveTurn();
            }
        })
        { IsBackground = true }.UnsafeStart();
        SimThread.StayOnOneCpu();
        return Best(20, () =>
        {
            there.GiveTurn();
            here.AwaitTurn();
        });
    }
}
