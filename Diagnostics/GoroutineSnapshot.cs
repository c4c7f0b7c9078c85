namespace ILPreempt.Diagnostics;

/// <summary>One goroutine as it was when the process was stopped.</summary>
/// <param name="Id">Its id; the program's main goroutine is 1.</param>
/// <param name="ParentId">Who started it, 0 if a thread that is no goroutine did.</param>
/// <param name="State">Idle, Runnable, Running, Syscall, Waiting, Dead.</param>
/// <param name="WaitReason">Why it waits, in Go's words; empty when it does not wait.</param>
/// <param name="Waits">For how long; zero when it does not wait.</param>
/// <param name="IsLocked">Whether LockOSThread binds it to its thread.</param>
/// <param name="Preemptions">How often a check has stopped it.</param>
/// <param name="ThreadId">The OS thread that holds its frames; 0 for one that has not started.</param>
/// <param name="Frames">Its stack, innermost first, without the scheduler's own frames. Empty for one that has not started.</param>
public sealed record GoroutineSnapshot(
    long Id, long ParentId, string State, string WaitReason, TimeSpan Waits, bool IsLocked, long Preemptions, uint ThreadId, IReadOnlyList<string> Frames);

/// <summary>A thread that carries no goroutine.</summary>
/// <param name="ThreadId">The OS thread.</param>
/// <param name="ManagedId">Its Thread.ManagedThreadId.</param>
/// <param name="Frames">Its managed stack, innermost first.</param>
public sealed record ThreadSnapshot(uint ThreadId, int ManagedId, IReadOnlyList<string> Frames);

/// <summary>A stopped process: its goroutines and its other managed threads.</summary>
/// <param name="ProcessId">Whose.</param>
/// <param name="IsHosted">False if the process does not run on ILPreempt; there are then only threads.</param>
/// <param name="Goroutines">In order of their ids.</param>
/// <param name="Threads">Managed threads that carry no goroutine.</param>
public sealed record ProcessSnapshot(
    int ProcessId, bool IsHosted, IReadOnlyList<GoroutineSnapshot> Goroutines, IReadOnlyList<ThreadSnapshot> Threads);

/// <summary>The process can't be looked at; the message is one line that says why and what to do.</summary>
public sealed class AttachException : Exception
{
    /// <summary>Creates the exception.</summary>
    public AttachException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
