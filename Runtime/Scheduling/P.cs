using ILPreempt.Runtime.Diagnostics;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>What a P is doing. Only Running and Syscall may be taken away from the owner. native/preempt.c knows two of the numbers.</summary>
internal enum PStatus
{
    /// <summary>No M. On the idle list or between two Ms.</summary>
    Idle = 0,

    /// <summary>Its M runs user code. sysmon and a stopper may take it if that M is in native code.</summary>
    Running = 1,

    /// <summary>Its M announced a system call. Anyone may take it.</summary>
    Syscall = 2,

    /// <summary>Its M is inside the scheduler. Nobody may take it.</summary>
    Scheduling = 3,

    /// <summary>Halted for a stopped world.</summary>
    GcStop = 4,

    /// <summary>Beyond MAXPROCS after it was lowered.</summary>
    Dead = 5,

    /// <summary>A signal stopped its M in user code. The M has lost it; sysmon takes it from here.</summary>
    Preempted = 6,
}

/// <summary>
/// The right to run user code; there are exactly MAXPROCS. The state word holds the status and the owner's M id together,
/// because a P can be taken away while its M sits in native code: the owner enters the scheduler by a CAS
/// (Running, me) -> (Scheduling, me), and a taker by a CAS (Running, m) -> Idle; whoever loses knows. With the id in the
/// word an owner cannot mistake a P that came back under another M for its own.
/// Rejected: Go's way before 1.26, where only an announced system call is stealable; .NET code blocks in thousands of
/// places that announce nothing, and sysmon learns of them from the thread's GC mode. The word is in memory that does not move:
/// a signal handler changes it too, (Running, me) -> (Preempted, me), which is how it knows that it interrupted user code.
/// </summary>
internal sealed unsafe class P
{
    internal int Id => _row->Id;
    internal readonly LocalRunQueue RunQueue = new();
    internal readonly TimerHeap Timers = new();

    /// <summary>+1 per Execute with a fresh slice. Written by the owner; sysmon compares it.</summary>
    internal ref uint SchedTick => ref _row->SchedTick;

    /// <summary>+1 per announced system call and per retake.</summary>
    internal ref uint SyscallTick => ref _row->SyscallTick;

    /// <summary>When the running slice began (Clock). Written by the owner in Execute.</summary>
    internal ref long SliceStart => ref _row->SliceStart;

    /// <summary>The owner; a hint for others.</summary>
    internal volatile M? M;

    /// <summary>Link in the idle list, under the scheduler's lock.</summary>
    internal P? Link;

    /// <summary>State of the steal order's random numbers.</summary>
    internal uint Random;

    /// <summary>What sysmon saw last. Only sysmon touches it.</summary>
    internal SysMonTick Seen;

    private readonly PRow* _row = (PRow*)Table.Ps.Rent();

    internal P(int id)
    {
        _row->Id = id;
        _row->IsUsed = 1;
        Random = (uint)(id * 2654435761) | 1;
    }

    /// <summary>Where the state word is, for the signal handler. Ps are never freed.</summary>
    internal long* StateWord => &_row->State;

    internal PStatus Status => (PStatus)(int)(Volatile.Read(ref _row->State) & 0xFF);

    /// <summary>The owner enters the scheduler. False: the P was taken while its M was in native code.</summary>
    internal bool TryEnter(M m) => Cas(PStatus.Running, m.Id, PStatus.Scheduling, m.Id);

    /// <summary>Whether this M runs user code by this P. It stays so unless sysmon or a signal takes the P.</summary>
    internal bool IsRunBy(M m) => Volatile.Read(ref _row->State) == Pack(PStatus.Running, m.Id);

    /// <summary>The owner goes back to user code. Nobody else changes a Scheduling P, so a store is enough; it publishes the slice for sysmon.</summary>
    internal void Leave(M m)
    {
        Assert(PStatus.Scheduling, m.Id, "leave the scheduler");
        Volatile.Write(ref _row->State, Pack(PStatus.Running, m.Id));
    }

    /// <summary>An idle P becomes this M's.</summary>
    internal void Wire(M m)
    {
        if (!Cas(PStatus.Idle, 0, PStatus.Scheduling, m.Id))
        {
            RuntimePanic.Throw($"acquirep: p{Id} is {Status} of m{Owner}, want Idle for m{m.Id}");
        }

        M = m;
    }

    /// <summary>The owner gives it up. It then belongs to the code that holds the reference.</summary>
    internal void Unwire(M m, PStatus to = PStatus.Idle)
    {
        M = null;
        if (!Cas(PStatus.Scheduling, m.Id, to, 0))
        {
            RuntimePanic.Throw($"releasep: p{Id} is {Status} of m{Owner}, want Scheduling of m{m.Id}");
        }
    }

    /// <summary>The owner announces a system call; from here anyone may take the P.</summary>
    internal void BeginSyscall(M m)
    {
        Assert(PStatus.Scheduling, m.Id, "begin a system call");
        Volatile.Write(ref _row->State, Pack(PStatus.Syscall, m.Id));
    }

    /// <summary>The owner returns. False: somebody took it.</summary>
    internal bool TryEndSyscall(M m) => Cas(PStatus.Syscall, m.Id, PStatus.Scheduling, m.Id);

    /// <summary>Takes the P from an M that is in native code. False: the owner was faster.</summary>
    internal bool TryTake(M m, PStatus from, PStatus to = PStatus.Idle)
    {
        if (!Cas(from, m.Id, to, 0))
        {
            return false;
        }

        M = null;
        return true;
    }

    /// <summary>Changes between the states without an owner. Under the scheduler's lock or in a stopped world.</summary>
    internal void SetUnowned(PStatus from, PStatus to)
    {
        if (!Cas(from, 0, to, 0))
        {
            RuntimePanic.Throw($"p{Id} is {Status} of m{Owner}, want {from} to become {to}");
        }
    }

    internal int Owner => (int)(Volatile.Read(ref _row->State) >> 8);

    private static long Pack(PStatus status, int owner) => ((long)owner << 8) | (long)status;

    private bool Cas(PStatus from, int fromOwner, PStatus to, int toOwner) =>
        Interlocked.CompareExchange(ref _row->State, Pack(to, toOwner), Pack(from, fromOwner)) == Pack(from, fromOwner);

    private void Assert(PStatus status, int owner, string act)
    {
        if (Volatile.Read(ref _row->State) != Pack(status, owner))
        {
            RuntimePanic.Throw($"p{Id} is {Status} of m{Owner}, want {status} of m{owner} to {act}");
        }
    }
}
