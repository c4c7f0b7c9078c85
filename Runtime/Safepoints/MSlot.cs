using System.Runtime.InteropServices;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>Who decides about a goroutine that a signal stopped. The same numbers as in native/preempt.h.</summary>
internal enum StopState
{
    /// <summary>Not stopped by a signal.</summary>
    None = 0,

    /// <summary>Its P was taken from it in the handler. The goroutine is (or will be at once) on a run queue.</summary>
    Stopped = 1,

    /// <summary>Somebody is giving it a P.</summary>
    Resuming = 2,

    /// <summary>A collection let it go, it ran to a check, and waits there like any other goroutine.</summary>
    Waiting = 3,
}

/// <summary>Where the thread of a stopped goroutine is.</summary>
internal enum HandlerState
{
    /// <summary>Not in the handler: it runs.</summary>
    Out = 0,

    /// <summary>Parked in the handler.</summary>
    Parked = 1,

    /// <summary>Has been told to return from it.</summary>
    Resume = 2,
}

/// <summary>Why a thread that got the signal did not stop.</summary>
internal enum AsyncRefusal
{
    Native = 0,
    UnknownCode = 1,
    Runtime = 2,
    NoPreempt = 3,
    ShortStack = 4,
    GcMasked = 5,
}

/// <summary>
/// What a signal handler must know of an M, in memory that does not move: the struct m_slot of native/slot.h. Lives as
/// long as its M object.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MSlot
{
    internal const int Refusals = 6;

    /// <summary>Which of Registers is the program counter.</summary>
    internal static int ProgramCounter => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 32 : 16;

    internal int Tid;
    internal int Id;
    internal int SignalPending;
    internal int Sending;

    /// <summary>A StopState. None to Stopped by the handler; Stopped to Resuming by who gives it a P, Stopped to Waiting by the thread itself: the CAS decides.</summary>
    internal int Stop;

    /// <summary>A HandlerState.</summary>
    internal int Handler;

    /// <summary>Not preemptible while above zero (Go: m.locks). Only the M's own thread changes it.</summary>
    internal int Locks;
    internal int ParkSignal;

    /// <summary>The CPU on which its thread was when it left its goroutine last (GlobalRunQueue).</summary>
    internal int Cpu;

    /// <summary>The helper's own: a tool wants its registers.</summary>
    internal int Capture;

    /// <summary>Its Thread.ManagedThreadId.</summary>
    internal int ManagedId;

    /// <summary>1 while its thread is allowed one CPU only, to wake up there (CpuPlacement).</summary>
    internal int Steered;

    /// <summary>Stack position at which the outermost no-preempt region began; 0 outside. See NoPreempt.</summary>
    internal nuint NoPreemptMark;

    /// <summary>The state word of the P it was given last. A stale one is harmless: the handler's CAS wants this M as its owner.</summary>
    internal long* PState;

    /// <summary>CoreCLR's flag of its thread; null when unknown.</summary>
    internal int* GcDisabled;

    /// <summary>The stack's range.</summary>
    internal nuint StackLow;
    internal nuint StackHigh;

    /// <summary>How many signals it has answered, whatever the answer (Go: preemptGen).</summary>
    internal long PreemptGen;

    /// <summary>How often a collection let it go, and how often it parked again after that by itself.</summary>
    internal long Released;
    internal long Unasked;

    internal fixed long Refused[Refusals];

    /// <summary>Its registers when it was parked; debuggers see only the handler otherwise.</summary>
    internal fixed ulong Registers[34];
}
