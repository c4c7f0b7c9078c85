using System.Runtime.InteropServices;

namespace ILPreempt.Runtime.Platform;

/// <summary>
/// Sleeping until the process has used some CPU time. While all Ps are idle sysmon has nothing to watch but threads that are no
/// goroutines, and those matter only when they use the CPU: so it must not wake an idle process to look, and must not miss a
/// busy one. A POSIX timer on the process' CPU clock is exactly that. Its signal is directed at the sleeping thread, which
/// blocks it and takes it with rt_sigtimedwait: no handler, nothing that the program or a child of it could see.
/// Where that is not possible (not Linux, seccomp) the sleep is a short one.
/// Wake-ups: the waker sets the note, then reads s_sleeping; the sleeper sets s_sleeping, then reads the note.
/// </summary>
internal static unsafe class CpuAlarm
{
    /// <summary>A real-time signal that nobody uses: CoreCLR takes SIGRTMIN, libraries the lowest ones after it.</summary>
    private const int Signal = 62;

    private const int ProcessCpuClock = 2;
    private const long FallbackNs = 25_000_000;

    private static readonly Numbers s_call = OperatingSystem.IsLinux()
        ? RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => new Numbers { TimerCreate = 222, TimerSetTime = 223, SigTimedWait = 128, SigProcMask = 14, GetTid = 186, TgKill = 234 },
            Architecture.Arm64 => new Numbers { TimerCreate = 107, TimerSetTime = 110, SigTimedWait = 137, SigProcMask = 135, GetTid = 178, TgKill = 131 },
            _ => default,
        }
        : default;

    private static nint s_tid;
    private static int s_timer;
    private static int s_sleeping;

    private struct Numbers
    {
        internal nint TimerCreate;
        internal nint TimerSetTime;
        internal nint SigTimedWait;
        internal nint SigProcMask;
        internal nint GetTid;
        internal nint TgKill;
    }

    /// <summary>CPU time of the process in nanoseconds; 0 where it is unknown.</summary>
    internal static long Used()
    {
        long* time = stackalloc long[2];
        return OperatingSystem.IsLinux() && Libc.ClockGetTime(ProcessCpuClock, time) == 0 ? (time[0] * 1_000_000_000) + time[1] : 0;
    }

    /// <summary>Prepares the calling thread, the only one that will call Sleep.</summary>
    internal static void Bind()
    {
        if (s_call.TimerCreate == 0)
        {
            return;
        }

        ulong mask = 1UL << (Signal - 1);
        const int SigBlock = 0;
        if (Libc.Syscall(s_call.SigProcMask, SigBlock, (nint)(&mask), 0, sizeof(ulong), 0, 0) != 0)
        {
            return;
        }

        // struct sigevent: value, signal number, how, thread.
        const int SigEvThreadId = 4;
        nint tid = Libc.Syscall(s_call.GetTid, 0, 0, 0, 0, 0, 0);
        byte* sigevent = stackalloc byte[64];
        new Span<byte>(sigevent, 64).Clear();
        *(int*)(sigevent + 8) = Signal;
        *(int*)(sigevent + 12) = SigEvThreadId;
        *(int*)(sigevent + 16) = (int)tid;
        int timer;
        if (Libc.Syscall(s_call.TimerCreate, ProcessCpuClock, (nint)sigevent, (nint)(&timer), 0, 0, 0) == 0)
        {
            s_timer = timer;
            s_tid = tid;
        }
    }

    /// <summary>Sleeps until the process has used <paramref name="cpuNs"/> of CPU time, until <paramref name="deadline"/> (negative: none), or until <paramref name="note"/> is set and Wakeup called.</summary>
    internal static void Sleep(Note note, long cpuNs, long deadline)
    {
        if (s_tid == 0)
        {
            long fallback = Clock.Now() + FallbackNs;
            note.Sleep(deadline < 0 ? fallback : Math.Min(deadline, fallback));
            return;
        }

        long* setting = stackalloc long[4] { 0, 0, 0, cpuNs };
        Libc.Syscall(s_call.TimerSetTime, s_timer, 0, (nint)setting, 0, 0, 0);
        Interlocked.Exchange(ref s_sleeping, 1);
        if (!note.IsSet)
        {
            ulong mask = 1UL << (Signal - 1);
            long left = deadline < 0 ? 3_600_000_000_000 : Math.Max(0, deadline - Clock.Now());
            long* time = stackalloc long[2] { left / 1_000_000_000, left % 1_000_000_000 };
            Libc.Syscall(s_call.SigTimedWait, (nint)(&mask), 0, (nint)time, sizeof(ulong), 0, 0);
        }

        Volatile.Write(ref s_sleeping, 0);
        note.Sleep(0);
        setting[3] = 0;
        Libc.Syscall(s_call.TimerSetTime, s_timer, 0, (nint)setting, 0, 0, 0);
    }

    /// <summary>Ends Sleep, after its note has been set.</summary>
    internal static void Wakeup()
    {
        if (Volatile.Read(ref s_sleeping) != 0 && Interlocked.Exchange(ref s_sleeping, 0) != 0)
        {
            Libc.Syscall(s_call.TgKill, Environment.ProcessId, s_tid, Signal, 0, 0, 0);
        }
    }
}
