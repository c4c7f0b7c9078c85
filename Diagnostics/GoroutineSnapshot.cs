namespace ILPreempt.Diagnostics;

/// <summary>One frame of a managed stack.</summary>
/// <param name="Method">The method with its parameters' types.</param>
/// <param name="File">Its source file, if there are symbols; else null.</param>
/// <param name="Line">The line, 0 without symbols.</param>
public sealed record FrameSnapshot(string Method, string? File, int Line);

/// <summary>What a goroutine waits for, where that can be told.</summary>
/// <param name="Type">The type of the object; <c>timer</c> for a timer.</param>
/// <param name="Address">Where it is in memory, 0 for a timer; it tells two goroutines that wait for the same thing.</param>
/// <param name="OwnerThread">The OS thread that holds the lock, 0 if nobody does.</param>
/// <param name="OwnerGoroutine">The goroutine that holds it, 0 if none does.</param>
public sealed record WaitTarget(string Type, ulong Address, uint OwnerThread, long OwnerGoroutine)
{
    /// <summary>lock, task, semaphore, event, condition, thread, socket or timer.</summary>
    public string Kind { get; init; } = "";

    /// <summary>When a timer is due, from the moment of the snapshot; else null.</summary>
    public TimeSpan? Due { get; init; }

    /// <summary>A socket's file descriptor, and where it is bound and connected as far as the kernel tells (a live process); else null.</summary>
    public int? Descriptor { get; init; }

    /// <summary>See Descriptor.</summary>
    public string? Local { get; init; }

    /// <summary>See Descriptor.</summary>
    public string? Remote { get; init; }
}

/// <summary>One goroutine as it was when the process was read.</summary>
/// <param name="Id">Its id; the program's main goroutine is 1.</param>
/// <param name="ParentId">Who started it, 0 if a thread that is no goroutine did.</param>
/// <param name="State">Idle, Runnable, Running, Syscall, Waiting, Dead, Preempted.</param>
/// <param name="WaitReason">Why it waits, in Go's words; empty when it does not wait.</param>
/// <param name="Waits">For how long; zero when it does not wait.</param>
/// <param name="IsLocked">Whether LockOSThread binds it to its thread.</param>
/// <param name="IsParkedBySignal">Whether a signal has stopped it where it was.</param>
/// <param name="PreemptedByCheck">How often a check has stopped it.</param>
/// <param name="PreemptedBySignal">How often a signal has.</param>
/// <param name="Turns">How often it was given a processor.</param>
/// <param name="Cpu">CPU time since its start; null when it can't be known (a core, or not started).</param>
/// <param name="ThreadId">The OS thread that holds its frames; 0 for one that has not started.</param>
/// <param name="M">That thread's number in the scheduler; -1 for one that has not started.</param>
/// <param name="P">The processor it runs on; -1 when it does not run.</param>
/// <param name="WaitsFor">What it waits for; null when unknown.</param>
/// <param name="Frames">Its stack, innermost first. Empty for one that has not started.</param>
public sealed record GoroutineSnapshot(
    long Id,
    long ParentId,
    string State,
    string WaitReason,
    TimeSpan Waits,
    bool IsLocked,
    bool IsParkedBySignal,
    long PreemptedByCheck,
    long PreemptedBySignal,
    long Turns,
    TimeSpan? Cpu,
    uint ThreadId,
    int M,
    int P,
    WaitTarget? WaitsFor,
    IReadOnlyList<FrameSnapshot> Frames)
{
    /// <summary>The call of Goroutine.Start that made it; null if that is not known, or it was a thread before.</summary>
    public FrameSnapshot? CreatedBy { get; init; }

    /// <summary>For a thread that became a goroutine: the method its thread began with; else null.</summary>
    public string? ThreadStart { get; init; }
}

/// <summary>A thread that carries no goroutine.</summary>
/// <param name="ThreadId">The OS thread.</param>
/// <param name="ManagedId">Its Thread.ManagedThreadId.</param>
/// <param name="Frames">Its managed stack, innermost first.</param>
public sealed record ThreadSnapshot(uint ThreadId, int ManagedId, IReadOnlyList<FrameSnapshot> Frames);

/// <summary>A process at one moment: its goroutines and its other managed threads.</summary>
/// <param name="ProcessId">Whose.</param>
/// <param name="Way">How it was read, a few words: <c>socket</c>, <c>attach</c> or <c>core</c>, and how long the process stood still.</param>
/// <param name="IsHosted">False if the process does not run on ILPreempt; there are then only threads.</param>
/// <param name="Goroutines">In order of their ids.</param>
/// <param name="Threads">Managed threads that carry no goroutine.</param>
/// <param name="Notes">What could not be read, a sentence each.</param>
public sealed record ProcessSnapshot(
    int ProcessId,
    string Way,
    bool IsHosted,
    IReadOnlyList<GoroutineSnapshot> Goroutines,
    IReadOnlyList<ThreadSnapshot> Threads,
    IReadOnlyList<string> Notes);

/// <summary>The process can't be looked at; the message is one line that says why and what to do.</summary>
public sealed class AttachException : Exception
{
    /// <summary>Creates the exception.</summary>
    public AttachException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
