// Finalizers, weak references, conditional weak tables and plenty of garbage.
using System.Runtime;
using System.Runtime.CompilerServices;

class Node
{
    public static int Finalized;
    public Node Next;
    public byte[] Data = new byte[64];
    ~Node()
    {
        int n = 0;
        for (int i = 0; i < Data.Length; i++) { n += Data[i] + 1; }
        if (n == 64) { Interlocked.Increment(ref Finalized); }
    }
}

class Lazarus
{
    public static Lazarus Alive;
    ~Lazarus() => Alive = this;
}

class Program
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    static void MakeNodes(int count)
    {
        Node head = null;
        for (int i = 0; i < count; i++) { head = new Node { Next = head }; }
        GC.KeepAlive(head);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static (WeakReference, WeakReference<object>, ConditionalWeakTable<object, string>) MakeWeak()
    {
        object o = new();
        ConditionalWeakTable<object, string> table = new() { { o, "attached" } };
        new Lazarus().ToString();
        Console.WriteLine(table.TryGetValue(o, out string v) ? v : "missing");
        return (new WeakReference(o), new WeakReference<object>(o), table);
    }

    static int Main()
    {
        MakeNodes(10_000);
        Collect();
        Console.WriteLine($"finalized {Node.Finalized}");
        (WeakReference weak, WeakReference<object> typed, ConditionalWeakTable<object, string> table) = MakeWeak();
        Collect();
        Console.WriteLine($"alive {weak.IsAlive} {typed.TryGetTarget(out _)} table {table.Count()}");
        Console.WriteLine($"resurrected {Lazarus.Alive is not null}");

        // Garbage from several threads while others collect: the checks meet collections all the time.
        long total = 0;
        Thread[] threads = Enumerable.Range(0, 4).Select(seed => new Thread(() =>
        {
            Dictionary<int, byte[]> live = new();
            uint x = (uint)seed + 1;
            long sum = 0;
            for (int i = 0; i < 60_000; i++)
            {
                x = x * 1664525 + 1013904223;
                byte[] a = new byte[x >> 24];
                if (a.Length > 0) { a[0] = (byte)i; sum += a.Length; }
                live[(int)(x >> 20) & 511] = a;
                if (i % 20_000 == 0) { GC.Collect(0); }
            }
            Interlocked.Add(ref total, sum + live.Count);
        })).ToArray();
        foreach (Thread t in threads) { t.Start(); }
        foreach (Thread t in threads) { t.Join(); }
        Console.WriteLine($"total {total}");
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        byte[][] large = Enumerable.Range(0, 8).Select(i => new byte[200_000 + i]).ToArray();
        GC.Collect(2, GCCollectionMode.Forced, true, true);
        Console.WriteLine(large.Sum(a => a.Length));
        GC.RegisterForFullGCNotification(10, 10);
        GC.CancelFullGCNotification();
        using (new Disposer()) { Console.WriteLine("in using"); }
        Console.WriteLine($"collected {GC.CollectionCount(2) >= 2}");
        return 0;
    }

    static void Collect()
    {
        for (int i = 0; i < 2; i++) { GC.Collect(); GC.WaitForPendingFinalizers(); }
    }

    class Disposer : IDisposable
    {
        public void Dispose() => Console.WriteLine("disposed");
    }
}
