using System.Globalization;

namespace ILPreempt.Runtime;

/// <summary>What SIGQUIT does to a hosted process.</summary>
internal enum QuitMode
{
    /// <summary>Prints the goroutines, then ends as plain dotnet does.</summary>
    Exit,

    /// <summary>Prints the goroutines; the program goes on.</summary>
    Continue,

    /// <summary>As plain dotnet.</summary>
    Off,
}

/// <summary>What is printed of goroutines when the process ends by an error (Go: GOTRACEBACK).</summary>
internal enum TracebackMode
{
    /// <summary>Nothing: what plain dotnet prints.</summary>
    None,

    /// <summary>The one in which it happened.</summary>
    Single,

    /// <summary>All.</summary>
    All,
}

/// <summary>
/// The scheduler's settings. Each comes from its environment variable, else from the AppContext property
/// <c>ILPreempt.Name</c> that a build puts into the runtimeconfig, else from the default here.
/// A value that cannot be read is reported once on stderr and the default is used: a typo must not change what a program does.
/// </summary>
internal static class Settings
{
    /// <summary>How many Ps: goroutines that run at the same time. Default: the CPUs that the container grants.</summary>
    internal static int MaxProcs = Environment.ProcessorCount;

    /// <summary>Length of a time slice in nanoseconds. Go's forcePreemptNS, 10 ms.</summary>
    internal static long SliceNs = 10_000_000;

    /// <summary>How many started goroutines may hold a thread at once, as Go's debug.SetMaxThreads.</summary>
    internal static int MaxThreads = 10_000;

    /// <summary>Reserve of a goroutine's stack in bytes. Memory is used only for pages that were touched.</summary>
    internal static long StackBytes = 256L << 20;

    /// <summary>Period of the schedtrace line in milliseconds; 0 is off.</summary>
    internal static int SchedTraceMs;

    /// <summary>Preempt at every n-th check; 0 is off.</summary>
    internal static int StressEvery;

    /// <summary>Seed of the stress mode's choices.</summary>
    internal static int StressSeed = 1;

    /// <summary>Whether the seed was given: it then steers the scheduler's choices too (ScheduleFuzz).</summary>
    internal static bool FuzzSchedule;

    /// <summary>How many signals a second stop whoever runs managed code, due or not (native/storm.c); 0 is off.</summary>
    internal static int StormHz;

    /// <summary>Whether a signal stops goroutines that meet no check (Go: asyncpreemptoff, inverted).</summary>
    internal static bool AsyncPreempt = true;

    /// <summary>Whether a goroutine that slept may end another's slice after a millisecond. False is Go's behaviour.</summary>
    internal static bool Wakeup = true;

    /// <summary>Whether a deadlock ends the process, as in Go. A program that plain dotnet would keep alive stays alive otherwise.</summary>
    internal static bool ExitOnDeadlock;

    /// <summary>How long after the request the signal follows, in nanoseconds. In woven code a check comes every few microseconds.</summary>
    internal static long PreemptGraceNs = 200_000;

    /// <summary>The signal. 23 is SIGURG on Linux, which Go chose because nobody minds getting it for nothing.</summary>
    internal static int PreemptSignal = 23;

    /// <summary>How many goroutines may be stopped by a signal at once: each makes collections longer (docs/scheduler.md).</summary>
    internal static int MaxStopped = 64;

    /// <summary>Whether tools may look at the process through its socket (Diagnostics/Door.cs).</summary>
    internal static bool Diagnostics = true;

    /// <summary>What SIGQUIT does.</summary>
    internal static QuitMode Quit = QuitMode.Exit;

    /// <summary>What is printed of goroutines when the process ends by an error.</summary>
    internal static TracebackMode Traceback = TracebackMode.None;

    /// <summary>How far past its slice a goroutine must have run to be reported, in nanoseconds; 0 is off (Diagnostics/StallReport.cs).</summary>
    internal static long StallNs;

    internal const int MaxStormHz = 20_000;

    /// <summary>Reads all of them. Called once, before the first P exists.</summary>
    internal static void Load()
    {
        Read("ILPREEMPT_MAXPROCS", "ILPreempt.MaxProcs", static s => TryInt(s, 1, 1024, out MaxProcs), "a number of processors, 1 to 1024");
        Read("ILPREEMPT_SLICE", "ILPreempt.Slice", static s => TryDuration(s, 100_000, 60_000_000_000, out SliceNs), "a duration from 100us to 60s, for example 10ms");
        Read("ILPREEMPT_MAXTHREADS", "ILPreempt.MaxThreads", static s => TryInt(s, 1, 1_000_000, out MaxThreads), "a number of threads, 1 to 1000000");
        Read("ILPREEMPT_STACK", "ILPreempt.Stack", static s => TrySize(s, 1 << 20, 1 << 30, out StackBytes), "a size from 1M to 1G, for example 256M");
        Read("ILPREEMPT_SCHEDTRACE", "ILPreempt.SchedTrace", static s => TryInt(s, 0, 3_600_000, out SchedTraceMs), "a period in milliseconds, 0 is off");
        Read("ILPREEMPT_WAKEUP", "ILPreempt.Wakeup", static s => TrySwitch(s, out Wakeup), "0 or 1");
        Read("ILPREEMPT_DEADLOCK", "ILPreempt.Deadlock", static s => (ExitOnDeadlock = s == "exit") || s == "report", "report or exit");
        Read("ILPREEMPT_ASYNCPREEMPT", "ILPreempt.AsyncPreempt", static s => TrySwitch(s, out AsyncPreempt), "0 or 1");
        Read("ILPREEMPT_GRACE", "ILPreempt.Grace", static s => TryDuration(s, 10_000, 1_000_000_000, out PreemptGraceNs), "a duration from 10us to 1s, for example 200us");
        Read("ILPREEMPT_SIGNAL", "ILPreempt.Signal", static s => TrySignal(s, out PreemptSignal), "URG, RTMIN+n (n from 2 to 29) or a number from 36 to 63");
        Read("ILPREEMPT_DIAGNOSTICS", "ILPreempt.Diagnostics", static s => TrySwitch(s, out Diagnostics), "0 or 1");
        Read("ILPREEMPT_QUIT", "ILPreempt.Quit", static s => TryQuit(s, out Quit), "exit, continue or off");
        Read("ILPREEMPT_TRACEBACK", "ILPreempt.Traceback", static s => TryTraceback(s, out Traceback), "none, single or all");
        Read("ILPREEMPT_STALL", "ILPreempt.Stall", static s => TryStall(s, out StallNs), StallWant);
        Read("ILPREEMPT_STRESS", "ILPreempt.Stress", TryStress, "n or n:seed with n from 0 (off) to 1000000");
        Read("ILPREEMPT_STORM", "ILPreempt.Storm", static s => TryInt(s, 0, MaxStormHz, out StormHz), "a number of signals a second up to 20000, 0 is off");
    }

    /// <summary>Parses "10ms", "100us", "1s" or "250000ns" into nanoseconds within the bounds.</summary>
    internal static bool TryDuration(string text, long min, long max, out long ns)
    {
        ns = 0;
        ReadOnlySpan<char> s = text.AsSpan().Trim();
        (int suffix, double unit) = s switch
        {
            _ when s.EndsWith("ns") => (2, 1.0),
            _ when s.EndsWith("us") => (2, 1e3),
            _ when s.EndsWith("ms") => (2, 1e6),
            _ when s.EndsWith("s") => (1, 1e9),
            _ => (0, 0.0),
        };
        if (unit == 0
            || !double.TryParse(s[..^suffix], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value))
        {
            return false;
        }

        double result = value * unit;
        ns = result <= max ? (long)result : 0;
        return ns >= min && ns <= max;
    }

    /// <summary>Parses "256M", "64K", "1G" or plain bytes within the bounds.</summary>
    internal static bool TrySize(string text, long min, long max, out long bytes)
    {
        bytes = 0;
        ReadOnlySpan<char> s = text.AsSpan().Trim();
        if (s.IsEmpty)
        {
            return false;
        }

        int shift = char.ToUpperInvariant(s[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
        if (!long.TryParse(shift == 0 ? s : s[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out long value) || value > max)
        {
            return false;
        }

        bytes = value << shift;
        return bytes >= min && bytes <= max;
    }

    private static bool TryInt(string text, int min, int max, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= min && value <= max;

    /// <summary>Parses "0", "1" and the words a runtimeconfig.json holds for them.</summary>
    internal static bool TrySwitch(string text, out bool value)
    {
        value = text is "1" || text.Equals("true", StringComparison.OrdinalIgnoreCase);
        return value || text is "0" || text.Equals("false", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Parses a signal that nobody else is likely to use: glibc and CoreCLR have 32 to 34.</summary>
    internal static bool TrySignal(string text, out int signal)
    {
        const int Urg = 23;
        const int RtMin = 34;
        ReadOnlySpan<char> s = text.StartsWith("SIG", StringComparison.Ordinal) ? text.AsSpan(3) : text;
        if (s is "URG" or "23")
        {
            signal = Urg;
            return true;
        }

        int from = s.StartsWith("RTMIN+") ? RtMin : 0;
        return int.TryParse(from == 0 ? s : s[6..], NumberStyles.None, CultureInfo.InvariantCulture, out signal)
            && (signal += from) is >= RtMin + 2 and <= 63;
    }

    internal static bool TryQuit(string text, out QuitMode mode)
    {
        mode = text switch { "continue" => QuitMode.Continue, "off" => QuitMode.Off, _ => QuitMode.Exit };
        return mode != QuitMode.Exit || text == "exit";
    }

    internal static bool TryTraceback(string text, out TracebackMode mode)
    {
        mode = text switch { "single" => TracebackMode.Single, "all" => TracebackMode.All, _ => TracebackMode.None };
        return mode != TracebackMode.None || text == "none";
    }

    internal const string StallWant = "0 or a duration from 10ms to 60s, for example 100ms";

    internal static bool TryStall(string text, out long ns)
    {
        ns = 0;
        return text == "0" || TryDuration(text, 10_000_000, 60_000_000_000, out ns);
    }

    private static bool TryStress(string text)
    {
        string[] parts = text.Split(':');
        FuzzSchedule = parts.Length == 2;
        return parts.Length <= 2
            && TryInt(parts[0], 0, 1_000_000, out StressEvery)
            && (!FuzzSchedule || TryInt(parts[1], 0, int.MaxValue, out StressSeed));
    }

    private static void Read(string variable, string property, Func<string, bool> parse, string want)
    {
        string? text = Environment.GetEnvironmentVariable(variable);
        string source = variable;
        if (string.IsNullOrEmpty(text))
        {
            text = AppContext.GetData(property)?.ToString();
            source = property;
        }

        if (!string.IsNullOrEmpty(text) && !Apply(parse, text))
        {
            Platform.Libc.WriteError($"ilpreempt: {source}={text} is ignored: want {want}\n");
        }
    }

    // What a parser leaves behind when it fails must not stay.
    private static bool Apply(Func<string, bool> parse, string text)
    {
        var before = (MaxProcs, SliceNs, MaxThreads, StackBytes, SchedTraceMs, StressEvery, StressSeed, FuzzSchedule, StormHz, AsyncPreempt, PreemptGraceNs, PreemptSignal, Wakeup, ExitOnDeadlock, Diagnostics, Quit, Traceback, StallNs);
        if (parse(text))
        {
            return true;
        }

        (MaxProcs, SliceNs, MaxThreads, StackBytes, SchedTraceMs, StressEvery, StressSeed, FuzzSchedule, StormHz, AsyncPreempt, PreemptGraceNs, PreemptSignal, Wakeup, ExitOnDeadlock, Diagnostics, Quit, Traceback, StallNs) = before;
        return false;
    }
}
