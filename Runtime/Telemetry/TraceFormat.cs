using System.Runtime.InteropServices;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// What is recorded, and how it lies in a file; the file is compiled into the reader too. An event is an edge of a goroutine's
/// state (G.CasStatus), or one of the few things that happen to a P.
/// A file is a header, the program's name in UTF-8, and events in the order in which they were drained; readers sort by time. A file
/// without an End was cut off with its process.
/// </summary>
internal enum TraceKind : byte
{
    None,

    /// <summary>Made. Argument: the goroutine that made it.</summary>
    Create,

    /// <summary>A thread that the scheduler did not make becomes a goroutine; it has no P yet.</summary>
    Adopt,

    /// <summary>Runs on P.</summary>
    Start,

    /// <summary>Stops running and stays runnable. Reason: a StopReason. Argument: where it was, 0 if unknown.</summary>
    Stop,

    /// <summary>Parks. Reason: a WaitReason.</summary>
    Block,

    /// <summary>Becomes runnable. Argument: the goroutine that readied it, 0 if none did.</summary>
    Unblock,

    /// <summary>Goes on without P in a blocking call. Reason: a WaitReason. Argument: 1 if sysmon took the P unasked.</summary>
    SyscallEnter,

    /// <summary>Is back from it and has a P.</summary>
    SyscallExit,

    /// <summary>Is back from it and waits for a P.</summary>
    SyscallWait,

    /// <summary>Ends.</summary>
    End,

    /// <summary>The P leaves an M that blocks or ends.</summary>
    Handoff,

    /// <summary>P took goroutines from the P in Argument; G is the first.</summary>
    Steal,

    /// <summary>sysmon took P from M.</summary>
    Retake,

    /// <summary>A collection stopped everybody. Argument: for how many nanoseconds. Reason: the generation, 255 where it is not known.</summary>
    GcPause,

    /// <summary>Argument: how many events found their ring full.</summary>
    Lost,

    /// <summary>The recording ended in order; the last event of a file.</summary>
    Finish,
}

/// <summary>Why a running goroutine had to stop.</summary>
internal enum StopReason : byte
{
    /// <summary>It asked for it (Gosched).</summary>
    Yield,

    /// <summary>Preempted at a check.</summary>
    Check,

    /// <summary>Preempted by a signal.</summary>
    Signal,
}

/// <summary>One event, 32 bytes. Time is the runtime's Clock, in nanoseconds; M and P are -1 where there is none.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TraceEvent
{
    internal long Time;
    internal long G;
    internal long Argument;
    internal int M;
    internal short P;
    internal TraceKind Kind;
    internal byte Reason;
}

/// <summary>The beginning of a file, 48 bytes; the program's name follows.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TraceHeader
{
    /// <summary>"ILPTRACE", little-endian.</summary>
    internal const long MagicNumber = 0x4543415254504C49;

    internal const int CurrentVersion = 1;

    internal long Magic;
    internal int Version;
    internal int ProcessId;

    /// <summary>When the recording began, on the clock of the events and as UTC ticks.</summary>
    internal long StartTime;
    internal long StartUtcTicks;
    internal long SliceNs;
    internal int Procs;
    internal int NameLength;
}
