using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// Every goroutine that has been made and has not ended (Go: allgs). Lists under locks of their own, held for a few stores. A goroutine
/// is in the list of its id, so that those which many Ps start and end at the same time seldom meet at one lock: with one list for
/// all, that lock was what bounded the number of goroutines a second from 16 Ps on (docs/performance.md). Go needs no such thing,
/// because it never takes a goroutine off its list.
/// </summary>
internal static class AllGs
{
    private const int Lists = 64;

    private static readonly GsList[] s_lists = NewLists();

    private sealed class GsList
    {
        internal readonly RuntimeLock Lock = new("allg");
        internal G? First;
        internal int Count;
    }

    /// <summary>A hint while goroutines come and go.</summary>
    internal static int Count
    {
        get
        {
            int count = 0;
            foreach (GsList list in s_lists)
            {
                count += Volatile.Read(ref list.Count);
            }

            return count;
        }
    }

    internal static void Add(G g)
    {
        GsList list = ListOf(g);
        list.Lock.Lock();
        g.AllNext = list.First;
        if (list.First != null)
        {
            list.First.AllPrevious = g;
        }

        list.First = g;
        list.Count++;
        list.Lock.Unlock();
    }

    internal static void Remove(G g)
    {
        GsList list = ListOf(g);
        list.Lock.Lock();
        if (g.AllPrevious != null)
        {
            g.AllPrevious.AllNext = g.AllNext;
        }
        else
        {
            list.First = g.AllNext;
        }

        if (g.AllNext != null)
        {
            g.AllNext.AllPrevious = g.AllPrevious;
        }

        g.AllNext = g.AllPrevious = null;
        list.Count--;
        list.Lock.Unlock();
    }

    /// <summary>The goroutines of this moment. Their states go on changing, and some may start or end between two lists.</summary>
    internal static G[] Snapshot()
    {
        G[] result = new G[Count + 16];
        int n = 0;
        foreach (GsList list in s_lists)
        {
            while (!TryCopy(list, result, ref n))
            {
                // Allocated outside the lock: a collection must not find threads waiting on it.
                Array.Resize(ref result, n + Volatile.Read(ref list.Count) + 16);
            }
        }

        return result[..n];
    }

    private static bool TryCopy(GsList list, G[] result, ref int n)
    {
        list.Lock.Lock();
        bool fits = n + list.Count <= result.Length;
        for (G? g = list.First; fits && g != null; g = g.AllNext)
        {
            result[n++] = g;
        }

        list.Lock.Unlock();
        return fits;
    }

    private static GsList ListOf(G g) => s_lists[g.Id % Lists];

    private static GsList[] NewLists()
    {
        GsList[] lists = new GsList[Lists];
        for (int i = 0; i < Lists; i++)
        {
            lists[i] = new GsList();
        }

        return lists;
    }
}
