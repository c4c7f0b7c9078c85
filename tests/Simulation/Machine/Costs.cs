namespace ILPreempt.Simulation;

/// <summary>
/// What each step costs, in virtual nanoseconds. "Measured" is the best of many on a 2-core VM (the command prices); the others are the usual
/// ones of x64 servers. A machine of 256 CPUs has several sockets: a line comes from the other one in 100 to 300 ns, from a neighbour in 30
/// to 60. One figure stands for both.
/// </summary>
internal static class Costs
{
    /// <summary>An interlocked operation, a load and a store on a line that the CPU has. Measured: 6 ns for the first; servers are slower.</summary>
    internal const long Atomic = 20;
    internal const long Hit = 1;
    internal const long Store = 2;

    /// <summary>A line that another CPU has: until it is here, and for how long nobody else gets it. Writers queue, readers nearly not.</summary>
    internal const long Miss = 100;
    internal const long WriteHold = 100;
    internal const long ReadHold = 5;

    /// <summary>A line of another P's queue that the thief has not seen. Two loads of three go to a line that the first has brought.</summary>
    internal const long ForeignQueue = 40;

    /// <summary>clock_gettime and getcpu without a system call. Measured: 23 and 5 ns.</summary>
    internal const long Clock = 20;

    /// <summary>A futex call that wakes somebody, one that finds nobody, one that goes to sleep. Measured: 1.8 us for a wake, a sleep and the switch between them on one CPU.</summary>
    internal const long FutexWake = 1_000;
    internal const long FutexNobody = 300;
    internal const long FutexWait = 500;

    /// <summary>From the wake to the first instruction of the sleeper: at least 3 us, 7 on average, at most 50. The tail is exponential. Assumed.</summary>
    internal const long WakeLeast = 3_000;
    internal const long WakeTail = 4_000;
    internal const long WakeMost = 50_000;

    /// <summary>Making a thread, for the maker. Measured: 56 us for a managed thread that does nothing.</summary>
    internal const long NewThread = 80_000;

    /// <summary>Thread.SpinWait of the given length. The loop is normalised to 37 ns for about 5 iterations.</summary>
    internal const long SpinIteration = 8;

    /// <summary>A goroutine object, its row and its closure.</summary>
    internal const long Allocation = 150;

    /// <summary>For each goroutine that the global queue looks at for nearness: its own line, its M's, its slot's. Under the lock.</summary>
    internal const long NearLook = 120;

    /// <summary>How often woven code checks, and what a check costs while the word is up and it means somebody else.</summary>
    internal const long CheckEvery = 50;
    internal const long SlowCheck = 12;

    /// <summary>While the word is up a computing goroutine is simulated in pieces of this length.</summary>
    internal const long SlowPiece = 20_000;
}
