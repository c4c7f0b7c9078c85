using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>Every thread the scheduler owns or has adopted (Go: allm).</summary>
internal static class AllMs
{
    private static readonly RuntimeLock s_lock = new("allm");
    private static M? s_first;
    private static int s_count;
    private static int s_nextId;

    internal static int Count => Volatile.Read(ref s_count);

    internal static int NextId() => Interlocked.Increment(ref s_nextId) - 1;

    internal static M Add(bool isForeign)
    {
        M m = new(NextId(), isForeign);
        Add(m);
        return m;
    }

    /// <summary>Adds an M that is not in the list: a new one, or that of a foreign thread which is adopted again.</summary>
    internal static void Add(M m)
    {
        m.Dead = false;
        s_lock.Lock();
        m.AllLink = s_first;
        s_first = m;
        s_count++;
        s_lock.Unlock();
    }

    internal static void Remove(M m)
    {
        m.Dead = true;
        s_lock.Lock();
        if (s_first == m)
        {
            s_first = m.AllLink;
        }
        else
        {
            M? before = s_first;
            while (before != null && before.AllLink != m)
            {
                before = before.AllLink;
            }

            if (before != null)
            {
                before.AllLink = m.AllLink;
            }
        }

        s_count--;
        s_lock.Unlock();
    }

    /// <summary>
    /// Calls <paramref name="visit"/> for each M. The lock keeps their threads from ending meanwhile, which keeps
    /// M.NativeThread valid; the visitor must not wait.
    /// </summary>
    internal static void ForEach(Action<M> visit)
    {
        s_lock.Lock();
        for (M? m = s_first; m != null; m = m.AllLink)
        {
            visit(m);
        }

        s_lock.Unlock();
    }
}
