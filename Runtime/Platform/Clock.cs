using System.Diagnostics;

namespace ILPreempt.Runtime.Platform;

/// <summary>Monotonic time in nanoseconds (Go: nanotime).</summary>
internal static class Clock
{
    internal static long Now() => Stopwatch.Frequency == 1_000_000_000
        ? Stopwatch.GetTimestamp()
        : (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    /// <summary>CPU time of the calling thread in nanoseconds; 0 where that is unknown.</summary>
    internal static long ThreadCpu()
    {
        const int ThreadCpuClock = 3;
        return Read(ThreadCpuClock);
    }

    /// <summary>That of another thread of the process, by the kernel's id; 0 if it has ended.</summary>
    internal static long ThreadCpu(int tid) => Read((~tid << 3) | 6);

    private static unsafe long Read(int clock)
    {
        long* time = stackalloc long[2];
        return OperatingSystem.IsLinux() && Libc.ClockGetTime(clock, time) == 0 ? (time[0] * 1_000_000_000) + time[1] : 0;
    }
}
