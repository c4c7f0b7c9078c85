using ILPreempt.Runtime.Diagnostics;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// A goroutine. One that has not started is only this object in a queue. Once started its frames live on one OS thread
/// (LockedM) until it ends; that is the pinned form. Code outside Scheduler.Park must not assume it: a detached goroutine
/// will have no thread while it waits and may resume on another.
/// What tools want to know of it is in its row of the table (Diagnostics/Table.cs); there is no second copy here.
/// </summary>
internal sealed unsafe class G
{
    /// <summary>Go's poison value for stackguard0: larger than any stack pointer, so a guard compare always takes the slow path.</summary>
    internal static readonly nuint StackPreempt = unchecked((nuint)(nint)(-1314));

    internal readonly long Id;
    internal readonly GRow* Row = (GRow*)Table.Gs.Rent();

    /// <summary>What it runs. Cleared at the start, so that a finished goroutine keeps nothing alive.</summary>
    internal Action? Entry;

    /// <summary>The M whose thread holds its frames. Set when it starts or is adopted, cleared when it ends. Written only by that M.</summary>
    internal M? LockedM;

    /// <summary>Link in the global queue or an injected list. Owned by whoever owns the list.</summary>
    internal G? SchedLink;

    /// <summary>With which others it stands in a queue (GList). Owned by whoever owns the list.</summary>
    internal long Round;

    /// <summary>Links in the list of all goroutines, under AllGs' lock.</summary>
    internal G? AllNext;
    internal G? AllPrevious;

    /// <summary>Why it waits and since when (Clock). Written by itself before it leaves Running.</summary>
    internal WaitReason WaitReason
    {
        get => (WaitReason)Row->WaitReason;
        set => Row->WaitReason = (int)value;
    }

    internal long WaitSince
    {
        get => Row->WaitSince;
        set => Row->WaitSince = value;
    }

    /// <summary>The reason that woven code gave for the call it is in (Blocking). WaitReason is lost when it is stopped before it waits.</summary>
    internal WaitReason Announced;

    /// <summary>StackPreempt while it is asked to stop, else 0. Written by PreemptOne and Execute, read by NewStack.</summary>
    internal nuint StackGuard0;

    /// <summary>1 while this goroutine's request is counted in StackGuard.Poll.</summary>
    internal int PollRaised;

    /// <summary>True when sysmon took the P of a goroutine that did not announce a system call. Written by sysmon before the state becomes Syscall.</summary>
    internal bool LostP;

    /// <summary>Its last turn was short, and then it waited: it may go first when it is ready (Scheduler.Wakeup). Written by who takes its P.</summary>
    internal bool ShortTurn;

    /// <summary>Depth of LockOSThread. Only its own code touches it.</summary>
    internal ref int LockDepth => ref Row->LockDepth;

    /// <summary>True for a goroutine that a foreign thread got from NeedM.</summary>
    internal bool IsForeign
    {
        get => Row->IsForeign != 0;
        set => Row->IsForeign = value ? 1 : 0;
    }

    /// <summary>The timer of Sleep, one per goroutine.</summary>
    internal SchedTimer? SleepTimer;

    /// <summary>When it became runnable, while Tracing wants to know.</summary>
    internal long ReadySince;

    internal G(long id, long parentId, Action? entry)
    {
        Id = id;
        Entry = entry;
        Row->ParentId = parentId;
        Row->CreatedAt = Clock.Now();
        Row->Id = id;
    }

    // Not at its end: sysmon and others may look at a goroutine that has just ended, and must not meet another one in its row.
    ~G() => Table.Gs.Return(Row);

    internal GStatus Status => (GStatus)Volatile.Read(ref Row->Status);

    internal long ParentId => Row->ParentId;

    /// <summary>How many times it was stopped.</summary>
    internal long Preemptions => Row->PreemptedByCheck + Row->PreemptedBySignal;

    /// <summary>The one door for state changes (Go: casgstatus). Throws on an illegal edge or when the state is not <paramref name="from"/>.</summary>
    internal void CasStatus(GStatus from, GStatus to)
    {
        if (!TryCasStatus(from, to))
        {
            RuntimePanic.Throw($"casgstatus: g{Id} is {Status}, want {from} (to become {to})");
        }
    }

    /// <summary>As CasStatus for an edge that two parties race for; false for the loser.</summary>
    internal bool TryCasStatus(GStatus from, GStatus to)
    {
        if (!GStatusEdges.IsLegal(from, to))
        {
            RuntimePanic.Throw($"casgstatus: g{Id} from {from} to {to} is not an edge");
        }

        if (Tracing.Flags != 0)
        {
            return Tracing.CasStatus(this, ref Row->Status, from, to);
        }

        return Interlocked.CompareExchange(ref Row->Status, (int)to, (int)from) == (int)from;
    }
}
