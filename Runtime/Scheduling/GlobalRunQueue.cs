using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>An intrusive list of goroutines, linked through G.SchedLink. Not thread-safe.</summary>
internal struct GList
{
    /// <summary>How many goroutines PopNear looks at.</summary>
    private const int NearWindow = 8;

    private G? _head;
    private G? _tail;

    /// <summary>The round of the head that was seen last. Whoever comes now belongs to the next one.</summary>
    private long _round;

    internal int Count { get; private set; }

    internal readonly G? Head => _head;

    internal void PushBack(G g)
    {
        g.SchedLink = null;
        g.Round = _round + 1;
        if (_tail == null)
        {
            _head = g;
        }
        else
        {
            _tail.SchedLink = g;
        }

        _tail = g;
        Count++;
    }

    internal void PushFront(G g)
    {
        g.Round = _round;
        g.SchedLink = _head;
        _head = g;
        _tail ??= g;
        Count++;
    }

    internal G? PopFront()
    {
        G? g = _head;
        if (g != null)
        {
            _head = g.SchedLink;
            g.SchedLink = null;
            Count--;
            if (_head == null)
            {
                _tail = null;
            }
        }

        return g;
    }

    /// <summary>
    /// Takes the first whose thread slept on <paramref name="cpu"/> among the first few of the head's round, or else the head. Who comes while a
    /// round is being served waits for the next one, so everybody gets one turn in each. The goroutine of <paramref name="leaves"/> is
    /// never preferred: its thread is the one that is to leave this CPU, and two turns in a row would make the others wait twice as long.
    /// </summary>
    internal G? PopNear(int cpu, M? leaves)
    {
        if (_head == null)
        {
            return null;
        }

        long round = _head.Round;
        _round = Math.Max(_round, round);
        G? before = null;
        G? g = _head;
        for (int i = 0; i < NearWindow && g != null && g.Round == round; i++)
        {
            if (g.LockedM is M m && m != leaves && SleptOn(m) == cpu)
            {
                return before == null ? PopFront() : Unlink(before, g);
            }

            before = g;
            g = g.SchedLink;
        }

        return PopFront();
    }

    private static unsafe int SleptOn(M m) => m.Slot->Cpu;

    private G Unlink(G before, G g)
    {
        before.SchedLink = g.SchedLink;
        if (_tail == g)
        {
            _tail = before;
        }

        g.SchedLink = null;
        Count--;
        return g;
    }

    internal void Append(ref GList other)
    {
        if (other._head == null)
        {
            return;
        }

        if (_tail == null)
        {
            _head = other._head;
        }
        else
        {
            _tail.SchedLink = other._head;
        }

        _tail = other._tail;
        Count += other.Count;
        other = default;
    }
}

/// <summary>
/// The queue that all Ps share: preempted goroutines, overflow of local queues, goroutines made ready without a P.
/// First in, first out, but for one thing that Go does not need: a goroutine has a thread here, and the kernel wakes a thread on
/// the CPU where it slept. If that is not the CPU that the caller leaves free by going to sleep, it waits there behind another
/// goroutine while this CPU idles (4 to 7 % of two CPUs). So the caller takes one that slept on its own CPU, if such a one is
/// among the first few of the same round. Rounds keep it fair: a bound on how often one is passed over did not, a goroutine alone
/// on its CPU got half of all turns beside three others.
/// Its lock is the scheduler's lock (Go: sched.lock), which also guards the idle lists.
/// </summary>
internal sealed class GlobalRunQueue
{
    internal readonly RuntimeLock Lock = new("sched");

    private GList _list;
    private int _count;
    private int _late;

    /// <summary>Whether somebody who is late waits at the head: a P looks here before its own queue then.</summary>
    internal bool HasLate => Late != 0;

    /// <summary>How many.</summary>
    internal int Late => Volatile.Read(ref _late);

    /// <summary>Readable without the lock as a hint. Written under it; the volatile store pairs with the spinner's recheck.</summary>
    internal int Count => Volatile.Read(ref _count);

    internal void Put_NeedsLock(G g)
    {
        Lock.AssertHeld();
        _list.PushBack(g);
        Volatile.Write(ref _count, _list.Count);
    }

    /// <summary>For a goroutine whose timer ran late because no P came to it (it has waited long enough), and for one that only slept (Scheduler.Wakeup).</summary>
    internal void PutFirst_NeedsLock(G g)
    {
        Lock.AssertHeld();
        _list.PushFront(g);
        Volatile.Write(ref _count, _list.Count);
        Volatile.Write(ref _late, _late + 1);
    }

    internal void PutBatch_NeedsLock(ref GList batch)
    {
        Lock.AssertHeld();
        _list.Append(ref batch);
        Volatile.Write(ref _count, _list.Count);
    }

    /// <summary>
    /// Takes one to run, and up to a fair share more into <paramref name="p"/>'s queue: min(128, n, n/procs + 1)
    /// (Go: globrunqget). <paramref name="max"/> 0 means no further bound. <paramref name="p"/> null: just one.
    /// <paramref name="stopped"/>: the M that a signal has stopped, if sysmon asks in its place.
    /// </summary>
    internal unsafe G? Get_NeedsLock(P? p, int procs, int max, M? stopped = null)
    {
        Lock.AssertHeld();
        M? leaves = stopped ?? p?.M;
        if (_list.Count == 0 || (max == 1 && stopped == null && IsAloneAndOf(leaves)))
        {
            return null;
        }

        int n = Math.Min(_list.Count, (_list.Count / procs) + 1);
        n = max > 0 ? Math.Min(n, max) : n;
        n = Math.Min(n, (int)LocalRunQueue.Capacity / 2);
        int cpu = _late > 0 ? -1 : stopped != null ? stopped.Slot->Cpu : Libc.CurrentCpu();
        G first = Pop(cpu, leaves);
        if (p != null)
        {
            // At most half the ring and the caller found its own ring empty or takes one only, so Put cannot overflow
            // into this queue, whose lock is held.
            for (int i = 1; i < n; i++)
            {
                p.RunQueue.Put(Pop(cpu, leaves), next: false, this);
            }
        }

        // The late ones stand at the head, so what was taken were late ones first.
        Volatile.Write(ref _late, Math.Max(0, _late - (p == null ? 1 : n)));
        Volatile.Write(ref _count, _list.Count);
        return first;
    }

    // A look out of turn is for those who wait here, not for the one that was stopped this moment and stands before nobody.
    private bool IsAloneAndOf(M? leaves) => leaves != null && _list.Count == 1 && _list.Head!.LockedM == leaves;

    // The late ones stand at the head and are taken in their order.
    private G Pop(int cpu, M? leaves) => (cpu < 0 ? _list.PopFront() : _list.PopNear(cpu, leaves))!;
}
