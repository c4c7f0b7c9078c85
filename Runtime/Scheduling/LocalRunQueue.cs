namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// A P's run queue: a ring of 256 with one producer and many consumers, and runnext, the goroutine to run before all others
/// (Go: runq, runnext; B.2 of its design). Only the owner puts; owner and thieves take from the head by CAS.
/// Order: Put writes the slot, then releases tail; Grab acquires tail, reads slots, then wins or loses by the CAS on head.
/// A slot read before a lost CAS is discarded. Head may lag for the owner, which only makes the ring look fuller.
/// </summary>
internal sealed class LocalRunQueue
{
    internal const uint Capacity = 256;

    private readonly G?[] _ring = new G?[Capacity];
    private uint _head;
    private uint _tail;
    private G? _runNext;

    /// <summary>How many wait here. A hint when read by others.</summary>
    internal int Count
    {
        get
        {
            uint head = Volatile.Read(ref _head);
            uint tail = Volatile.Read(ref _tail);
            int n = (int)(tail - head);
            return (n < 0 ? 0 : n) + (Volatile.Read(ref _runNext) != null ? 1 : 0);
        }
    }

    /// <summary>
    /// Whether nothing is queued. Tail is read again so that a goroutine moving from runnext to the ring between two loads
    /// is not missed: that false "empty" cost Go lost parallelism.
    /// </summary>
    internal bool IsEmpty
    {
        get
        {
            while (true)
            {
                uint head = Volatile.Read(ref _head);
                uint tail = Volatile.Read(ref _tail);
                G? next = Volatile.Read(ref _runNext);
                if (tail == Volatile.Read(ref _tail))
                {
                    return head == tail && next == null;
                }
            }
        }
    }

    /// <summary>Who is in runnext at this moment; a thief may take it.</summary>
    internal G? Next => Volatile.Read(ref _runNext);

    /// <summary>
    /// Owner only. Puts at the tail, or into runnext (the one it displaces goes to the tail). A full ring moves its older half
    /// and <paramref name="g"/> to <paramref name="overflow"/> (Go: runqput, runqputslow).
    /// </summary>
    internal void Put(G g, bool next, GlobalRunQueue overflow)
    {
        if (next)
        {
            G? old = Interlocked.Exchange(ref _runNext, g);
            if (old == null)
            {
                return;
            }

            g = old;
        }

        while (true)
        {
            uint head = Volatile.Read(ref _head);
            uint tail = _tail;
            if (tail - head < Capacity)
            {
                _ring[tail % Capacity] = g;
                Volatile.Write(ref _tail, tail + 1);
                return;
            }

            if (PutSlow(g, head, tail, overflow))
            {
                return;
            }
        }
    }

    /// <summary>Owner only. Null when empty. <paramref name="inheritTime"/>: came from runnext and shares the slice of the one before.</summary>
    internal G? Get(out bool inheritTime)
    {
        G? next = Volatile.Read(ref _runNext);
        if (next != null && Interlocked.CompareExchange(ref _runNext, null, next) == next)
        {
            inheritTime = true;
            return next;
        }

        inheritTime = false;
        while (true)
        {
            uint head = Volatile.Read(ref _head);
            uint tail = _tail;
            if (tail == head)
            {
                return null;
            }

            G? g = _ring[head % Capacity];
            if (Interlocked.CompareExchange(ref _head, head + 1, head) == head)
            {
                return g;
            }
        }
    }

    /// <summary>
    /// Called by the owner of <paramref name="thief"/>: moves half of this queue there and returns one of them
    /// (Go: runqsteal). runnext is taken only when the ring is empty and <paramref name="stealRunNext"/> says so.
    /// </summary>
    internal G? StealInto(LocalRunQueue thief, bool stealRunNext, bool victimRuns)
    {
        uint tail = thief._tail;
        uint n = Grab(thief._ring, tail, stealRunNext, victimRuns);
        if (n == 0)
        {
            return null;
        }

        n--;
        G? g = thief._ring[(tail + n) % Capacity];
        if (n > 0)
        {
            Volatile.Write(ref thief._tail, tail + n);
        }

        return g;
    }

    /// <summary>Empties the queue into a list, oldest first. For a P whose owner is gone and that nobody steals from.</summary>
    internal void Drain(ref GList list)
    {
        G? g;
        while ((g = Get(out _)) != null)
        {
            list.PushBack(g);
        }
    }

    private uint Grab(G?[] batch, uint batchTail, bool stealRunNext, bool victimRuns)
    {
        while (true)
        {
            uint head = Volatile.Read(ref _head);
            uint tail = Volatile.Read(ref _tail);
            uint n = tail - head;
            n -= n / 2;
            if (n == 0)
            {
                if (!stealRunNext)
                {
                    return 0;
                }

                G? next = Volatile.Read(ref _runNext);
                if (next == null)
                {
                    return 0;
                }

                // The victim is about to run it: give it the time a ready-then-park takes, so that a ping-pong pair is not
                // torn apart. Go sleeps 3 us, about 50 channel operations.
                if (victimRuns)
                {
                    Thread.SpinWait(60);
                    next = Volatile.Read(ref _runNext);
                }

                if (next == null || Interlocked.CompareExchange(ref _runNext, null, next) != next)
                {
                    continue;
                }

                batch[batchTail % Capacity] = next;
                return 1;
            }

            // Head and tail were read apart; more than half the ring means they do not belong together.
            if (n > Capacity / 2)
            {
                continue;
            }

            for (uint i = 0; i < n; i++)
            {
                batch[(batchTail + i) % Capacity] = Volatile.Read(ref _ring[(head + i) % Capacity]);
            }

            if (Interlocked.CompareExchange(ref _head, head + n, head) == head)
            {
                return n;
            }
        }
    }

    private bool PutSlow(G g, uint head, uint tail, GlobalRunQueue overflow)
    {
        uint n = (tail - head) / 2;
        G?[] batch = new G?[n];
        for (uint i = 0; i < n; i++)
        {
            batch[i] = _ring[(head + i) % Capacity];
        }

        if (Interlocked.CompareExchange(ref _head, head + n, head) != head)
        {
            return false;
        }

        GList list = default;
        foreach (G? old in batch)
        {
            list.PushBack(old!);
        }

        list.PushBack(g);
        overflow.Lock.Lock();
        overflow.PutBatch_NeedsLock(ref list);
        overflow.Lock.Unlock();
        return true;
    }
}
