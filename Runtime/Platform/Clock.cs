using System.Diagnostics;

namespace ILPreempt.Runtime.Platform;

/// <summary>Monotonic time in nanoseconds (Go: nanotime).</summary>
internal static class Clock
{
    internal static long Now() => Stopwatch.Frequency == 1_000_000_000
        ? Stopwatch.GetTimestamp()
        : (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));
}
