// Programs that stall or fail in one way each (the argument), for what ILPreempt reports of them.
using System.Runtime.CompilerServices;
using ILPreempt.Runtime;

class Program
{
    static readonly object s_lock = new();
    static int s_there;
    static volatile bool s_end;

    static int Main(string[] args)
    {
        switch (args[0])
        {
            case "constructor":
                Goroutine.Start(Constructing);
                Goroutine.Start(Counting);
                SpinWait.SpinUntil(() => Volatile.Read(ref s_there) == 2 || s_end);
                Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
                Console.In.ReadLine();
                Console.WriteLine("done");
                return 0;
            case "lock" or "locks":
                Goroutine.Start(Holding);
                SpinWait.SpinUntil(() => Volatile.Read(ref s_there) == 1);
                Goroutine.Start(args[0] == "lock" ? Entering : Arriving);
                for (int i = 0; i < 3; i++)
                {
                    Goroutine.Start(Counting);
                }
                Console.In.ReadLine();
                Console.WriteLine("done");
                return 0;
            case "throw":
                Goroutine.Start(Sleeping);
                SpinWait.SpinUntil(() => Volatile.Read(ref s_there) == 1);
                Goroutine.Start(Throwing);
                Thread.Sleep(Timeout.Infinite);
                return 0;
            case "throw-on-main":
                Goroutine.Start(Sleeping);
                SpinWait.SpinUntil(() => Volatile.Read(ref s_there) == 1);
                Throwing();
                return 0;
            case "collections" or "preemption":
                for (int i = 0; i < 6; i++)
                {
                    Goroutine.Start(args[0] == "collections" ? Collecting : Counting);
                }
                SpinWait.SpinUntil(() => Volatile.Read(ref s_there) == 6);
                Console.WriteLine($"ready {Environment.ProcessId}");
                Thread.Sleep(90_000);
                Environment.Exit(0);
                return 0;
            case "caught":
                try { Throwing(); } catch (InvalidOperationException) { Console.WriteLine("done"); }
                return 0;
            default:
                // More threads than --maxthreads allows.
                for (int i = 0; i < 100; i++)
                {
                    Goroutine.Start(Sleeping);
                }
                Thread.Sleep(Timeout.Infinite);
                return 0;
        }
    }

    static void Constructing()
    {
        Console.WriteLine(Slow.Value);
        s_end = true;
    }

    static void Counting()
    {
        Interlocked.Increment(ref s_there);
        while (!s_end) { }
    }

    static void Collecting()
    {
        Interlocked.Increment(ref s_there);
        while (!s_end)
        {
            object[] kept = new object[1000];
            for (int i = 0; i < kept.Length; i++) { kept[i] = new byte[100]; }
            GC.Collect(0);
        }
    }

    static void Holding()
    {
        lock (s_lock)
        {
            Counting();
        }
    }

    static void Entering()
    {
        lock (s_lock) { s_there++; }
    }

    // Each wait is told once; whoever begins to listen late hears of the next one.
    static void Arriving()
    {
        while (!s_end)
        {
            Goroutine.Start(Entering);
            Goroutine.Sleep(TimeSpan.FromSeconds(1));
        }
    }

    static void Sleeping()
    {
        Interlocked.Increment(ref s_there);
        Thread.Sleep(Timeout.Infinite);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Throwing() => throw new InvalidOperationException("thrown on purpose");

    // A class constructor may not be stopped: whoever needs the class would wait for it.
    static class Slow
    {
        internal static readonly long Value;

        static Slow()
        {
            Value = Compute(1_500_000_000);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        static long Compute(long rounds)
        {
            long sum = 0;
            for (long i = 0; i < rounds; i++) { sum = (sum * 6364136223846793005) + 1; }
            return sum != 0 ? 1 : 0;
        }
    }
}
