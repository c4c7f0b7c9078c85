// Threads and their meeting places. Everything printed is independent of the order in which threads run.
using System.Collections.Concurrent;

class Program
{
    [ThreadStatic] static int t_count;
    static readonly ThreadLocal<int> s_local = new(() => 100, trackAllValues: true);
    static readonly object s_gate = new();

    static int Main()
    {
        Counting();
        WaitPulse();
        Statics();
        Identity();
        Interrupts();
        Barriers();
        ReadersWriters();
        Signals();
        Spinning();
        Timers();
        SleepAndJoin();
        Locks();
        Semaphores();
        Deadlines();
        Producers();
        Mutexes();
        DeepStack();
        return 0;
    }

    static Thread[] Run(int n, Action<int> body)
    {
        Thread[] threads = Enumerable.Range(0, n).Select(i => new Thread(() => body(i))).ToArray();
        foreach (Thread t in threads) { t.Start(); }
        foreach (Thread t in threads) { t.Join(); }
        return threads;
    }

    static void Counting()
    {
        int locked = 0, atomic = 0;
        Run(4, _ =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                lock (s_gate) { locked++; }
                Interlocked.Increment(ref atomic);
            }
        });
        Console.WriteLine($"counting {locked} {atomic}");
    }

    static void WaitPulse()
    {
        Queue<int> queue = new();
        long sum = 0;
        Thread consumer = new(() =>
        {
            while (true)
            {
                int x;
                lock (s_gate)
                {
                    while (queue.Count == 0) { Monitor.Wait(s_gate); }
                    x = queue.Dequeue();
                    Monitor.PulseAll(s_gate);
                }
                if (x < 0) { return; }
                sum += x;
            }
        });
        consumer.Start();
        for (int i = 0; i < 5000; i++)
        {
            lock (s_gate)
            {
                while (queue.Count >= 3) { Monitor.Wait(s_gate); }
                queue.Enqueue(i == 4999 ? -1 : i);
                Monitor.PulseAll(s_gate);
            }
        }
        consumer.Join();
        bool pulsed;
        lock (s_gate) { pulsed = Monitor.Wait(s_gate, 5); }
        Console.WriteLine($"wait/pulse {sum} {pulsed}");
    }

    static void Statics()
    {
        ConcurrentBag<int> seen = new();
        t_count = 7;
        Run(5, i =>
        {
            for (int k = 0; k < 1000 * (i + 1); k++) { t_count++; }
            s_local.Value += i;
            seen.Add(t_count);
        });
        Console.WriteLine($"statics {t_count} {string.Join(",", seen.Order())} {string.Join(",", s_local.Values.Order())}");
        LocalDataStoreSlot slot = Thread.AllocateDataSlot();
        Thread.SetData(slot, "main");
        Run(1, _ => Console.WriteLine($"slot {Thread.GetData(slot) ?? "empty"}"));
        Console.WriteLine($"slot {Thread.GetData(slot)}");
    }

    static void Identity()
    {
        Console.WriteLine($"main {Environment.CurrentManagedThreadId} {Thread.CurrentThread.Name ?? "unnamed"}");
        Thread t = new(() =>
        {
            Thread me = Thread.CurrentThread;
            int before = Environment.CurrentManagedThreadId;
            long x = 0;
            for (int i = 0; i < 20_000_000; i++) { x += i; }
            Console.WriteLine($"{me.Name} {me.IsBackground} {me.Priority} {me == Thread.CurrentThread} {before == Environment.CurrentManagedThreadId} {me.ThreadState} {x} {me.IsThreadPoolThread} {Thread.CurrentThread.CurrentCulture.Name}");
        }, 256 * 1024) { Name = "worker", IsBackground = true, Priority = ThreadPriority.BelowNormal };
        t.CurrentCulture = System.Globalization.CultureInfo.InvariantCulture;
        Console.WriteLine($"{t.ThreadState} {t.IsAlive}");
        t.Start();
        t.Join();
        Console.WriteLine($"{t.ThreadState} {t.IsAlive}");
        try { t.Start(); }
        catch (ThreadStateException e) { Console.WriteLine(e.Message); }
        Thread p = new(o => Console.WriteLine($"parameter {o}"));
        p.Start(42);
        p.Join();
        try { new Thread(() => { }).Start("not parameterized"); }
        catch (InvalidOperationException e) { Console.WriteLine(e.GetType().Name); }
    }

    static void Interrupts()
    {
        string how = "";
        using ManualResetEventSlim ready = new();
        Thread t = new(() =>
        {
            try { ready.Set(); Thread.Sleep(Timeout.Infinite); }
            catch (ThreadInterruptedException) { how += "sleep "; }
            try { lock (how) { } new ManualResetEvent(false).WaitOne(20); how += "wait "; }
            catch (ThreadInterruptedException) { how += "again "; }
        });
        t.Start();
        ready.Wait();
        t.Interrupt();
        t.Join();
        Console.WriteLine($"interrupted {how}");
    }

    static void Barriers()
    {
        int phases = 0, inside = 0, wrong = 0;
        using Barrier barrier = new(4, b => { if (inside != 4 * (b.CurrentPhaseNumber + 1)) { wrong++; } phases++; });
        Run(4, _ =>
        {
            for (int i = 0; i < 50; i++)
            {
                Interlocked.Increment(ref inside);
                barrier.SignalAndWait();
            }
        });
        Console.WriteLine($"barrier {phases} wrong {wrong}");
    }

    static void ReadersWriters()
    {
        using ReaderWriterLockSlim rw = new(LockRecursionPolicy.SupportsRecursion);
        int value = 0, torn = 0;
        int a = 0, b = 0;
        Run(6, i =>
        {
            for (int k = 0; k < 500; k++)
            {
                if (i < 2)
                {
                    rw.EnterWriteLock();
                    try { a++; for (int z = 0; z < 20; z++) { value += z; } b++; }
                    finally { rw.ExitWriteLock(); }
                }
                else if (k % 10 == 0)
                {
                    rw.EnterUpgradeableReadLock();
                    try { if (a != b) { torn++; } rw.EnterWriteLock(); value++; rw.ExitWriteLock(); }
                    finally { rw.ExitUpgradeableReadLock(); }
                }
                else
                {
                    rw.EnterReadLock();
                    try { if (a != b) { torn++; } }
                    finally { rw.ExitReadLock(); }
                }
            }
        });
        Console.WriteLine($"readers/writers {value} torn {torn}");
    }

    static void Signals()
    {
        using AutoResetEvent ping = new(false), pong = new(false);
        using CountdownEvent countdown = new(10);
        int rounds = 0;
        Thread t = new(() => { for (int i = 0; i < 500; i++) { ping.WaitOne(); rounds++; pong.Set(); } });
        t.Start();
        for (int i = 0; i < 500; i++) { ping.Set(); pong.WaitOne(); }
        t.Join();
        Run(10, _ => countdown.Signal());
        countdown.Wait();
        using ManualResetEvent m1 = new(false), m2 = new(true);
        Console.WriteLine($"signals {rounds} {WaitHandle.WaitAny([m1, m2])} {WaitHandle.WaitAll([m1, m2], 5)} {WaitHandle.SignalAndWait(m1, m2)}");
    }

    static void Spinning()
    {
        // Each spins on the other: only preemption lets this end on one processor.
        int turn = 0;
        Run(2, me =>
        {
            for (int i = 0; i < 50; i++)
            {
                SpinWait wait = default;
                while (Volatile.Read(ref turn) != me) { wait.SpinOnce(); }
                Volatile.Write(ref turn, 1 - me);
            }
        });
        bool flag = false;
        Thread t = new(() => { while (!Volatile.Read(ref flag)) { } });
        t.Start();
        Thread.Sleep(5);
        Volatile.Write(ref flag, true);
        t.Join();
        Console.WriteLine($"spinning {SpinWait.SpinUntil(() => flag, 1000)}");
    }

    static void Timers()
    {
        int ticks = 0;
        using ManualResetEventSlim done = new();
        using (new Timer(_ => { if (Interlocked.Increment(ref ticks) == 5) { done.Set(); } }, null, 1, 2)) { done.Wait(); }
        using System.Timers.Timer timer = new(2) { AutoReset = false };
        using ManualResetEventSlim fired = new();
        timer.Elapsed += (_, _) => fired.Set();
        timer.Start();
        fired.Wait();
        Console.WriteLine($"timers {ticks >= 5}");
    }

    static void SleepAndJoin()
    {
        Thread t = new(() => Thread.Sleep(50));
        t.Start();
        bool early = t.Join(1);
        bool late = t.Join(TimeSpan.FromSeconds(30));
        Console.WriteLine($"join {early} {late}");
        for (int i = 0; i < 100; i++) { Thread.Yield(); Thread.Sleep(0); }
    }

    static void Locks()
    {
        System.Threading.Lock gate = new();
        int n = 0;
        Run(4, _ =>
        {
            for (int i = 0; i < 5000; i++)
            {
                lock (gate) { n++; }
                using (gate.EnterScope()) { n++; }
                bool taken = false;
                try { Monitor.Enter(s_gate, ref taken); }
                finally { if (taken) { Monitor.Exit(s_gate); } }
            }
        });
        bool free = Monitor.TryEnter(s_gate);
        Monitor.Enter(s_gate);
        Console.WriteLine($"locks {n} {free} {Monitor.IsEntered(s_gate)}");
        Run(1, _ => Console.WriteLine($"other thread gets it: {Monitor.TryEnter(s_gate, 1)}"));
        Monitor.Exit(s_gate);
        Monitor.Exit(s_gate);
        try { Monitor.Exit(s_gate); }
        catch (SynchronizationLockException) { Console.WriteLine("not the owner"); }
    }

    static void Semaphores()
    {
        using SemaphoreSlim slots = new(2);
        using Semaphore kernel = new(2, 2);
        int inside = 0, most = 0;
        Run(6, _ =>
        {
            for (int i = 0; i < 50; i++)
            {
                slots.Wait();
                kernel.WaitOne();
                int now = Interlocked.Increment(ref inside);
                lock (s_gate) { most = Math.Max(most, now); }
                Interlocked.Decrement(ref inside);
                kernel.Release();
                slots.Release();
            }
        });
        Console.WriteLine($"semaphores at most two {most <= 2}, left {slots.CurrentCount}");
    }

    static void Deadlines()
    {
        using ManualResetEventSlim never = new();
        using SemaphoreSlim none = new(0);
        using CancellationTokenSource source = new(5);
        bool cancelled = false;
        try { never.Wait(source.Token); }
        catch (OperationCanceledException) { cancelled = true; }
        Console.WriteLine($"deadlines {never.Wait(5)} {none.Wait(5)} {cancelled}");
    }

    static void Producers()
    {
        using BlockingCollection<int> pipe = new(8);
        long sum = 0;
        Thread[] consumers = Enumerable.Range(0, 3).Select(_ => new Thread(() =>
        {
            foreach (int x in pipe.GetConsumingEnumerable()) { Interlocked.Add(ref sum, x); }
        })).ToArray();
        foreach (Thread t in consumers) { t.Start(); }
        Run(3, i => { for (int k = 0; k < 1000; k++) { pipe.Add(k); } });
        pipe.CompleteAdding();
        foreach (Thread t in consumers) { t.Join(); }
        Console.WriteLine($"producers {sum}");
    }

    static void Mutexes()
    {
        using Mutex mutex = new();
        int n = 0;
        Run(3, _ => { for (int i = 0; i < 300; i++) { mutex.WaitOne(); n++; mutex.ReleaseMutex(); } });
        Thread t = new(() => mutex.WaitOne());
        t.Start();
        t.Join();
        bool abandoned = false;
        try { mutex.WaitOne(); }
        catch (AbandonedMutexException) { abandoned = true; }
        mutex.ReleaseMutex();
        Console.WriteLine($"mutexes {n} abandoned {abandoned}");
    }

    static int Down(int n) => n == 0 ? 0 : 1 + Down(n - 1);

    static void DeepStack()
    {
        int depth = 0;
        Thread t = new(() => depth = Down(200_000), 64 << 20);
        t.Start();
        t.Join();
        Console.WriteLine($"deep {depth}");
    }
}
