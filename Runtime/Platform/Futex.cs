using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ILPreempt.Runtime.Platform;

/// <summary>
/// Sleeping on a word of memory. On Linux this is the futex system call; elsewhere a short sleep and a re-check, which is
/// correct and slow. A managed Monitor or semaphore was rejected: Thread.Interrupt would break its wait with an exception
/// in the middle of the dispatch path, and its spinning is not ours to choose.
/// </summary>
internal static unsafe class Futex
{
    private const int WaitPrivate = 0 | 128;
    private const int WakePrivate = 1 | 128;

    private static readonly nint s_number = OperatingSystem.IsLinux()
        ? RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => 202,
            Architecture.Arm64 => 98,
            _ => 0,
        }
        : 0;

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>Sleeps while <paramref name="word"/> holds <paramref name="expected"/>, at most <paramref name="ns"/> nanoseconds (negative: no limit). May return early for no reason.</summary>
    internal static void Wait(int* word, int expected, long ns)
    {
        if (s_number == 0)
        {
            WaitSlow(word, expected, ns);
            return;
        }

        // An unlimited wait is cut into hours: a futex without a timeout is restarted by the kernel after CoreCLR's
        // SA_RESTART signal, and a thread parked by signal would then never answer a suspension.
        TimeSpec time;
        long limit = ns < 0 ? 3_600_000_000_000L : ns;
        time.Seconds = limit / 1_000_000_000;
        time.Nanoseconds = limit % 1_000_000_000;
        Libc.Syscall(s_number, (nint)word, WaitPrivate, expected, (nint)(&time), 0, 0);
    }

    /// <summary>Wakes one sleeper of <paramref name="word"/>.</summary>
    internal static void WakeOne(int* word)
    {
        if (s_number != 0)
        {
            Libc.Syscall(s_number, (nint)word, WakePrivate, 1, 0, 0, 0);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WaitSlow(int* word, int expected, long ns)
    {
        long until = ns < 0 ? long.MaxValue : Clock.Now() + ns;
        int spins = 0;
        while (Volatile.Read(ref *word) == expected && Clock.Now() < until)
        {
            Thread.Sleep(spins++ < 20 ? 0 : 1);
        }
    }
}
