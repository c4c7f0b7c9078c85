namespace ILPreempt.Runtime.Platform;

/// <summary>What a thread has used so far: CPU time, and how often it gave the CPU up by itself. Comparing two tells whether it was busy in between.</summary>
internal readonly struct ThreadUsage
{
    private const int RUsageThread = 1;

    private readonly long _cpuNs;
    private readonly long _waits;

    private ThreadUsage(long cpuNs, long waits)
    {
        _cpuNs = cpuNs;
        _waits = waits;
    }

    /// <summary>The calling thread's.</summary>
    internal static unsafe ThreadUsage Now()
    {
        // struct rusage: user and system time as pairs of seconds and microseconds, then 14 longs, of which ru_nvcsw is number 12.
        long* usage = stackalloc long[18];
        return OperatingSystem.IsLinux() && Libc.GetRUsage(RUsageThread, usage) == 0
            ? new ThreadUsage(((usage[0] + usage[2]) * 1_000_000_000) + ((usage[1] + usage[3]) * 1000), usage[16])
            : default;
    }

    /// <summary>Since <paramref name="before"/> it has not waited for anything, or has used <paramref name="leastNs"/> of CPU all the same.</summary>
    internal bool IsAtIt(ThreadUsage before, long leastNs) => _waits == before._waits || _cpuNs - before._cpuNs >= leastNs;
}
