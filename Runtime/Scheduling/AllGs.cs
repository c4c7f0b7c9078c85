using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>Every goroutine that has been made and has not ended (Go: allgs). A list under its own lock, held for a few stores.</summary>
internal static class AllGs
{
    private static readonly RuntimeLock s_lock = new("allg");
    private static G? s_first;
    private static int s_count;

    internal static int Count => Volatile.Read(ref s_count);

    internal static void Add(G g)
    {
        s_lock.Lock();
        g.AllNext = s_first;
        if (s_first != null)
        {
            s_first.AllPrevious = g;
        }

        s_first = g;
        s_count++;
        s_lock.Unlock();
    }

    internal static void Remove(G g)
    {
        s_lock.Lock();
        if (g.AllPrevious != null)
        {
            g.AllPrevious.AllNext = g.AllNext;
        }
        else
        {
            s_first = g.AllNext;
        }

        if (g.AllNext != null)
        {
            g.AllNext.AllPrevious = g.AllPrevious;
        }

        g.AllNext = g.AllPrevious = null;
        s_count--;
        s_lock.Unlock();
    }

    /// <summary>The goroutines of this moment. Their states go on changing.</summary>
    internal static G[] Snapshot()
    {
        while (true)
        {
            // Allocated outside the lock: a collection must not find threads waiting on it.
            G[] result = new G[Count + 16];
            int n = 0;
            s_lock.Lock();
            bool fits = s_count <= result.Length;
            for (G? g = s_first; fits && g != null; g = g.AllNext)
            {
                result[n++] = g;
            }

            s_lock.Unlock();
            if (fits)
            {
                return result[..n];
            }
        }
    }
}
