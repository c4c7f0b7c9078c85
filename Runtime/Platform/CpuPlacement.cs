using System.Runtime.InteropServices;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Platform;

/// <summary>
/// On which CPU a thread wakes up that gets the P of another one. The kernel puts it where it slept, behind whoever runs there now, and
/// the CPU that the other one leaves stays idle until the kernel balances: 5 to 10 % of two CPUs beside a hundred
/// hogs, 32 ms in one piece. FUTEX_WAKE has no word for "I am about to sleep". So the sleeper is allowed only the CPU that becomes free,
/// woken, and allows itself all again before it runs any code of the program: two system calls, at the end of a slice and only if it slept elsewhere.
///
/// A restriction of somebody else (taskset, a debugger, the program itself) is never touched: a thread is steered only while it may use exactly the
/// CPUs that sysmon may use and could use without any wish of its own. It then asks for all CPUs, which is what not asking means: a cpuset that grows
/// later grows for it, too.
/// </summary>
internal static unsafe class CpuPlacement
{
    private const int Words = 16;
    private const int MaxCpus = Words * 64;

    private static readonly ulong* s_all = (ulong*)NativeMemory.AllocZeroed(Words, sizeof(ulong));
    private static readonly ulong* s_free = (ulong*)NativeMemory.AllocZeroed(Words, sizeof(ulong));
    private static volatile bool s_on;
    private static int s_sysmon;

    /// <summary>Learns on sysmon's thread which CPUs there are for who has no wish. Off where that thread has been restricted.</summary>
    internal static void Start()
    {
        if (!OperatingSystem.IsLinux() || Environment.ProcessorCount == 1)
        {
            return;
        }

        ulong* before = stackalloc ulong[Words];
        new Span<ulong>(s_all, Words).Fill(ulong.MaxValue);
        if (!Get(0, before) || !Set(0, s_all))
        {
            return;
        }

        s_sysmon = Libc.ThreadId();
        s_on = Get(0, s_free) && Same(before, s_free);
        if (!s_on)
        {
            Set(0, before);
        }
    }

    /// <summary>Any thread, before it wakes the M: it is to wake on <paramref name="cpu"/> (negative: wherever). False: it wakes where the kernel thinks best.</summary>
    internal static bool Steer(M m, int cpu)
    {
        if (!s_on || cpu is < 0 or >= MaxCpus || m.Slot->Cpu == cpu)
        {
            return false;
        }

        ulong* its = stackalloc ulong[Words];
        ulong* sysmons = stackalloc ulong[Words];
        if (!Get(m.Tid, its) || !Get(s_sysmon, sysmons) || !Same(its, sysmons) || !Same(sysmons, s_free))
        {
            return false;
        }

        new Span<ulong>(its, Words).Clear();
        its[cpu / 64] = 1UL << (cpu % 64);
        Volatile.Write(ref m.Slot->Steered, 1);
        if (Set(m.Tid, its))
        {
            return true;
        }

        Volatile.Write(ref m.Slot->Steered, 0);
        return false;
    }

    /// <summary>The M itself, once it is awake. In the signal handler native/preempt.c does the same.</summary>
    internal static void Restore(M m)
    {
        if (Volatile.Read(ref m.Slot->Steered) != 0 && Interlocked.Exchange(ref m.Slot->Steered, 0) != 0)
        {
            Set(0, s_all);
        }
    }

    /// <summary>For one that needed no waking: a collection had let it go.</summary>
    internal static void RestoreFromOutside(M m)
    {
        if (Interlocked.Exchange(ref m.Slot->Steered, 0) != 0)
        {
            Set(m.Tid, s_all);
        }
    }

    private static bool Get(int tid, ulong* mask)
    {
        new Span<ulong>(mask, Words).Clear();
        return Libc.SchedGetAffinity(tid, Words * sizeof(ulong), mask) >= 0;
    }

    private static bool Set(int tid, ulong* mask) => Libc.SchedSetAffinity(tid, Words * sizeof(ulong), mask) == 0;

    private static bool Same(ulong* a, ulong* b) => new Span<ulong>(a, Words).SequenceEqual(new Span<ulong>(b, Words));
}
