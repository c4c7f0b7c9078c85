using System.Runtime.InteropServices;

namespace ILPreempt.Simulation;

/// <summary>A thread of the simulated machine: an OS thread that runs only when it is its turn, and its own clock.</summary>
internal sealed unsafe class SimThread
{
    private const int SystemCall = 202;
    private const int WaitPrivate = 128;
    private const int WakePrivate = 129;

    internal int Id;
    internal readonly int[] Seen = new int[Lines.Max];
    internal long Time;

    /// <summary>An event of another version is no longer meant.</summary>
    internal int Version;
    internal Action? Body;

    /// <summary>What it sleeps on; 0 when it does not.</summary>
    internal nint Word;
    internal bool Computes;

    /// <summary>How long it has slept on words in all, when it woke last, and the longest time between two sleeps.</summary>
    internal long Slept;
    internal long WokeAt;
    internal long LongestAwake;

    /// <summary>Since when it tries to get the scheduler's lock, and since when it has it; 0 if not.</summary>
    internal long LockWanted;
    internal long LockTaken;

    private readonly int* _gate = (int*)NativeMemory.AlignedAlloc(64, 64);

    internal SimThread() => *_gate = 0;

    /// <summary>Blocks the calling OS thread until it is this thread's turn.</summary>
    internal void AwaitTurn()
    {
        while (Interlocked.Exchange(ref *_gate, 0) == 0)
        {
            _ = Futex(SystemCall, (nint)_gate, WaitPrivate, 0, 0, 0, 0);
        }
    }

    /// <summary>Makes it this thread's turn. The caller must wait for its own at once.</summary>
    internal void GiveTurn()
    {
        Volatile.Write(ref *_gate, 1);
        _ = Futex(SystemCall, (nint)_gate, WakePrivate, 1, 0, 0, 0);
    }

    /// <summary>Keeps the calling OS thread on one CPU: giving the turn to a thread of another takes three times as long.</summary>
    internal static void StayOnOneCpu()
    {
        ulong mask = 1UL << (Environment.ProcessId % Environment.ProcessorCount % 64);
        _ = SetAffinity(0, sizeof(ulong), &mask);
    }

    [DllImport("libc", EntryPoint = "sched_setaffinity")]
    private static extern int SetAffinity(int thread, nint size, ulong* mask);

    [DllImport("libc", EntryPoint = "syscall")]
    private static extern nint Futex(nint number, nint word, nint operation, nint value, nint time, nint word2, nint value3);
}
