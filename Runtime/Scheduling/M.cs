using ILPreempt.Runtime.Diagnostics;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// An OS thread that the scheduler owns or has adopted. With a P and a goroutine it runs user code; with a P and no goroutine
/// it schedules; without a P it sleeps on Park, is in a system call, or runs on after sysmon took its P.
/// </summary>
internal sealed unsafe class M
{
    /// <summary>The calling thread's M; null on threads the scheduler does not know.</summary>
    [ThreadStatic]
    internal static M? Current;

    internal readonly int Id;
    internal readonly bool IsForeign;

    /// <summary>Where it sleeps. Whoever wakes it has set NextP before, except a broken poll, which sets nothing.</summary>
    internal readonly Note Park = new();

    /// <summary>The goroutine whose code runs now. Null while the M schedules. Written only by this M; others read it as a hint.</summary>
    internal volatile G? CurG;

    /// <summary>The goroutine whose frames are on this thread. While it is set the M runs nothing else (Go: lockedg).</summary>
    internal G? LockedG;

    /// <summary>The P it holds. Written only by this M. After sysmon's retake it is stale until the M finds out (P.TryEnter fails).</summary>
    internal P? P;

    /// <summary>The P it had before an announced system call.</summary>
    internal P? OldP;

    /// <summary>The P handed to it before it is woken, published by Park.Wakeup.</summary>
    internal volatile P? NextP;

    /// <summary>The goroutine to run at once with NextP; null means look for one. Written before NextP.</summary>
    internal G? NextG;

    /// <summary>Whether NextG shares the slice of the goroutine before it. Written before NextP.</summary>
    internal bool NextInherit;

    /// <summary>What GoPark was called with, on its way to ParkM. Only this M touches it.</summary>
    internal Func<G, object?, bool>? ParkCommit;
    internal object? ParkArgument;
    internal WaitReason ParkReason;

    /// <summary>True while it looks for work that nobody promised. Counted in Scheduler.NMSpinning.</summary>
    internal bool Spinning;

    /// <summary>What the signal handler must see of it.</summary>
    internal readonly MSlot* Slot = (MSlot*)Table.Ms.Rent();

    /// <summary>Where a check is stopping it, while Tracing wants to know; 0 if no check is. Only this M touches it.</summary>
    internal nuint PreemptedAt;

    /// <summary>Ids for goroutines that it makes: the last one given and how many are left. Only this M touches them.</summary>
    internal long Goid;
    internal int Goids;

    /// <summary>What its thread had used when it was last asked, and when that was. Only this M touches them.</summary>
    private long _cpu;
    private long _cpuAt;

    /// <summary>Whether it is counted against the limit of threads. Only this M touches it.</summary>
    internal bool IsCounted;

    /// <summary>Counts checks in stress mode.</summary>
    internal uint StressCount;

    /// <summary>Counts the choices of <see cref="ScheduleFuzz"/>.</summary>
    internal uint FuzzCount;

    /// <summary>Link in the list of idle Ms, under the scheduler's lock.</summary>
    internal M? SchedLink;

    /// <summary>Link in the list of all Ms, which only grows at its head.</summary>
    internal M? AllLink;

    /// <summary>True once its thread has ended; sysmon then skips it.</summary>
    internal volatile bool Dead;

    /// <summary>Its managed thread.</summary>
    internal Thread? Thread;

    /// <summary>CoreCLR's thread object, for ThreadMode; 0 when unknown.</summary>
    internal nint NativeThread;

    /// <summary>The kernel's id of the thread.</summary>
    internal int Tid;

    /// <summary>The stack's range, and the line below which a check throws instead of letting the program die of overflow.</summary>
    internal nuint StackLow;
    internal nuint StackHigh;
    internal nuint StackLimit;

    /// <summary>sysmon's request to a goroutine that runs on without a P, and what it saw of its stops. Only sysmon touches them.</summary>
    internal Request LostRequest;
    internal Repark Repark;
    internal long UnknownCodeSeen;

    /// <summary>True for a thread that came by Adoption: its goroutine may end from outside. Set by itself before it is in AllMs.</summary>
    internal bool Adopted;

    /// <summary>The pool worker's counter of completed items and what it read at the adoption; null on other threads.</summary>
    internal object? Counter;
    internal uint Completed;

    /// <summary>1 while the pool has been told that this worker left it. Whoever exchanges it for 0 tells the pool of its return.</summary>
    internal int LeftPool;

    /// <summary>1 while sysmon has seen pages in use near StackLimit; counted in StackGuard.Poll.</summary>
    internal int DeepStack;

    internal M(int id, bool isForeign)
    {
        Id = id;
        IsForeign = isForeign;
        Slot->Id = id;
    }

    ~M() => Table.Ms.Return(Slot);

    /// <summary>
    /// CPU time of its thread, for the goroutine that begins. The kernel is asked once a millisecond at most (a system call); in between
    /// the thread counts as running, so the value may be too high by a millisecond.
    /// </summary>
    internal long CpuUsed()
    {
        const long AskAgainNs = 1_000_000;
        long now = Clock.Now();
        if (now - _cpuAt > AskAgainNs)
        {
            _cpu = Clock.ThreadCpu();
            _cpuAt = now;
        }

        return _cpu + (now - _cpuAt);
    }

    /// <summary>Whether a signal has stopped its goroutine and nobody has resumed it: its thread waits, or runs on without a P.</summary>
    internal bool IsStopped => Volatile.Read(ref Slot->Stop) != (int)StopState.None;

    /// <summary>Records what belongs to the calling thread. First thing on the thread itself.</summary>
    internal void Bind()
    {
        Current = this;
        Slot->ManagedId = Environment.CurrentManagedThreadId;
        Tid = Libc.ThreadId();
        Thread = Thread.CurrentThread;
        NativeThread = ThreadMode.NativeThread(Thread);

        // An adopted thread has the stack that the program gave it, and may use all of it, as without the host.
        if (StackBounds.TryGet(out Slot->StackLow, out Slot->StackHigh) && !Adopted)
        {
            StackLow = Slot->StackLow;
            StackHigh = Slot->StackHigh;
            StackLimit = StackRoom.LimitOf(StackLow, StackHigh);
        }

        Slot->GcDisabled = ThreadMode.FlagOf(NativeThread);
        AsyncPreempt.Register(Slot);
    }
}
