// Every way in which code of a program starts, each with a body that computes long enough to be stopped many times, and what must
// be the same before, between and after. Arguments: nothing for all of it, or a way to end: exit, background, read, crash KIND.
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;

class Program
{
    [ThreadStatic] static int t_static;
    static readonly ThreadLocal<int> s_local = new();
    static readonly AsyncLocal<string> s_flow = new();
    static volatile int s_sink;

    static async Task<int> Main(string[] args)
    {
        switch (args)
        {
            case ["exit"]: Task.Run(() => { Compute(); Environment.Exit(42); }); Thread.Sleep(Timeout.Infinite); return 1;
            case ["background"]: Hogs(); Compute(); Console.WriteLine("main ends"); return 3;
            case ["foreground"]: new Thread(() => { Compute(); Thread.Sleep(50); Console.WriteLine("foreground ends"); }).Start(); Console.WriteLine("main ends"); return 4;
            case ["read"]: Hogs(); Console.WriteLine($"read {Console.ReadLine()}, {Console.In.ReadToEnd().Trim()}"); return 5;
            case ["crash", var kind]: Crash(kind); Thread.Sleep(Timeout.Infinite); return 1;
        }

        Check("main", isPool: false);
        Starts();
        await Continuations();
        Loops();
        Owners();
        Initialisers();
        Exceptions();
        await Tasks();
        Cancelling();
        Unobserved();
        Interrupting();
        Console.WriteLine("done");
        return 0;
    }

    // About 60 ms: six slices.
    static int Compute(int ms = 60)
    {
        long until = Environment.TickCount64 + ms;
        int x = 1;
        while (Environment.TickCount64 < until) { for (int i = 0; i < 1000; i++) { x = x * 31 + i; } }
        return s_sink = x;
    }

    static void Hogs() { for (int i = 0; i < 8; i++) { Task.Run(() => { while (true) { Compute(); } }); } }

    // What belongs to a thread or flows along stays what it is while the body is stopped.
    static void Check(string name, bool isPool)
    {
        Thread thread = Thread.CurrentThread;
        int id = Environment.CurrentManagedThreadId;
        t_static = id;
        s_local.Value = id * 2;
        CultureInfo culture = thread.CurrentCulture;
        string flow = s_flow.Value;
        TaskScheduler scheduler = TaskScheduler.Current;
        int? task = Task.CurrentId;
        SynchronizationContext context = SynchronizationContext.Current;
        ExecutionContext execution = ExecutionContext.Capture();
        Compute();
        bool same = Thread.CurrentThread == thread && Environment.CurrentManagedThreadId == id && t_static == id && s_local.Value == id * 2
            && thread.CurrentCulture == culture && s_flow.Value == flow && TaskScheduler.Current == scheduler && Task.CurrentId == task
            && SynchronizationContext.Current == context && ReferenceEquals(ExecutionContext.Capture(), execution);
        Console.WriteLine($"{name}: same {same}, pool {thread.IsThreadPoolThread == isPool}, background {thread.IsBackground}, flow {flow ?? "none"}, scheduler {scheduler == TaskScheduler.Default}, task {task is not null}");
    }

    static void Starts()
    {
        s_flow.Value = "main";
        using ManualResetEventSlim done = new();
        void Once(Action<Action> start, string name, bool isPool)
        {
            done.Reset();
            start(() => { Check(name, isPool); done.Set(); });
            done.Wait();
        }

        Once(a => new Thread(() => a()).Start(), "Thread.Start", false);
        Once(a => new Thread(() => a()) { IsBackground = true }.UnsafeStart(), "Thread.UnsafeStart", false);
        Once(a => new Thread(o => ((Action)o)()).Start(a), "Thread.Start with an argument", false);
        Once(a => new Thread(() => a(), 256 * 1024).Start(), "a small stack", false);
        Once(a => ThreadPool.QueueUserWorkItem(_ => a()), "QueueUserWorkItem", true);
        Once(a => ThreadPool.QueueUserWorkItem(x => x(), a, preferLocal: true), "QueueUserWorkItem with a state", true);
        Once(a => ThreadPool.UnsafeQueueUserWorkItem(_ => a(), null), "UnsafeQueueUserWorkItem", true);
        Once(a => ThreadPool.UnsafeQueueUserWorkItem(new Item(a), false), "IThreadPoolWorkItem", true);
        Once(a => Task.Run(a), "Task.Run", true);
        Once(a => Task.Run(async () => { await Task.Yield(); a(); }), "Task.Run of a task", true);
        Once(a => new Task(a).Start(), "Task.Start", true);
        Once(a => new Task(a).RunSynchronously(), "RunSynchronously", false);
        Once(a => Task.Factory.StartNew(a), "StartNew", true);
        Once(a => Task.Factory.StartNew(a, TaskCreationOptions.LongRunning), "LongRunning", false);
        Once(a => Task.Factory.StartNew(a, default, default, new OneThread()), "another scheduler", false);
        Once(a => Task.CompletedTask.ContinueWith(_ => a()), "ContinueWith", true);
        Once(a => Task.CompletedTask.ContinueWith(_ => a(), TaskContinuationOptions.ExecuteSynchronously), "ContinueWith in place", false);
        Timer timer = null;
        Once(a => timer = new Timer(_ => a(), null, 1, Timeout.Infinite), "Timer", true);
        timer.Dispose();
        Once(a => { System.Timers.Timer t = new(1) { AutoReset = false }; t.Elapsed += (_, _) => a(); t.Start(); }, "Timers.Timer", true);
        using AutoResetEvent signal = new(true);
        RegisteredWaitHandle handle = null;
        Once(a => handle = ThreadPool.RegisterWaitForSingleObject(signal, (_, _) => a(), null, -1, true), "RegisterWaitForSingleObject", true);
        handle.Unregister(null);
        using CancellationTokenSource source = new();
        Once(a => { source.Token.Register(a); source.CancelAfter(1); }, "CancellationToken.Register", true);
        Once(a => { using (ExecutionContext.SuppressFlow()) { Task.Run(a); } }, "SuppressFlow", true);
        Once(a => ExecutionContext.Run(ExecutionContext.Capture(), _ => a(), null), "ExecutionContext.Run", false);
        s_flow.Value = null;
    }

    class Item(Action action) : IThreadPoolWorkItem { public void Execute() => action(); }

    class OneThread : TaskScheduler
    {
        protected override void QueueTask(Task task) => new Thread(() => TryExecuteTask(task)).Start();
        protected override bool TryExecuteTaskInline(Task task, bool queued) => false;
        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }

    static async Task Continuations()
    {
        s_flow.Value = "async";
        await Task.Delay(1);
        Check("after await", true);
        await Task.Delay(1).ConfigureAwait(false);
        Check("after ConfigureAwait(false)", true);
        await Task.Yield();
        Check("after Yield", true);
        using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(1));
        await timer.WaitForNextTickAsync();
        Check("after PeriodicTimer", true);
        s_flow.Value = null;
    }

    static void Loops()
    {
        int[] hits = new int[40];
        Parallel.For(0, hits.Length, i => { Compute(5); Interlocked.Increment(ref hits[i]); });
        Parallel.ForEach(Enumerable.Range(0, hits.Length), i => { Compute(5); Interlocked.Increment(ref hits[i]); });
        Parallel.Invoke(() => { Compute(); hits[0]++; }, () => { Compute(); hits[1]++; });
        Console.WriteLine($"parallel {string.Concat(hits)}");
        int[] query = Enumerable.Range(0, 40).AsParallel().AsOrdered().Select(i => { Compute(5); return i * i; }).ToArray();
        Console.WriteLine($"plinq {query.Sum()} {query.SequenceEqual(Enumerable.Range(0, 40).Select(i => i * i))}");
        try { Parallel.For(0, 10, i => { Compute(5); if (i == 7) { throw new FormatException("seven"); } }); }
        catch (AggregateException e) { Console.WriteLine($"parallel throws {e.InnerException.Message}"); }
    }

    // Locks that belong to a thread are still its own after it was stopped inside.
    static void Owners()
    {
        object gate = new();
        Lock modern = new();
        using Mutex mutex = new();
        ReaderWriterLockSlim rw = new(LockRecursionPolicy.SupportsRecursion);
        SpinLock spin = new(true);
        int inside = 0, most = 0, rounds = 0;
        Task[] tasks = Enumerable.Range(0, 6).Select(n => Task.Run(() =>
        {
            lock (gate) { lock (gate) { Enter(); } }
            lock (modern) { if (modern.IsHeldByCurrentThread) { Enter(); } }
            mutex.WaitOne();
            mutex.WaitOne();
            Enter();
            mutex.ReleaseMutex();
            mutex.ReleaseMutex();
            rw.EnterWriteLock();
            rw.EnterReadLock();
            if (rw.IsWriteLockHeld) { Enter(); }
            rw.ExitReadLock();
            rw.ExitWriteLock();
            bool taken = false;
            spin.Enter(ref taken);
            if (spin.IsHeldByCurrentThread) { Interlocked.Increment(ref rounds); }
            spin.Exit();
        })).ToArray();
        Task.WaitAll(tasks);
        Console.WriteLine($"owners: rounds {rounds}, at most {most} in a lock of its own kind, held {Monitor.IsEntered(gate)}");

        void Enter()
        {
            Interlocked.Increment(ref rounds);
            int now = Interlocked.Increment(ref inside);
            Compute(12);
            Interlocked.Decrement(ref inside);
            if (now > 4) { most = now; }
        }
    }

    static class Slow { public static readonly int Value = Compute() * 0 + 9; public static int Runs; static Slow() => Runs++; }

    static void Initialisers()
    {
        int made = 0;
        Lazy<int> lazy = new(() => { Compute(); return Interlocked.Increment(ref made); });
        Task<int>[] tasks = Enumerable.Range(0, 8).Select(_ => Task.Run(() => Slow.Value + lazy.Value)).ToArray();
        Console.WriteLine($"initialisers {tasks.Sum(t => t.Result)} made {made} runs {Slow.Runs}");
    }

    static void Exceptions()
    {
        ConcurrentQueue<string> log = new();
        Task task = Task.Run(() =>
        {
            try
            {
                try { Compute(); throw new ArithmeticException("inner"); }
                finally { Compute(); log.Enqueue("finally"); }
            }
            catch (ArithmeticException e) when (Filter(e)) { Compute(); log.Enqueue("catch"); throw new InvalidOperationException("outer", e); }

            bool Filter(Exception e) { Compute(); log.Enqueue("filter"); return true; }
        });
        try { task.Wait(); }
        catch (AggregateException e) { log.Enqueue($"{e.InnerException.GetType().Name} {e.InnerException.InnerException.Message} {task.Status}"); }
        Console.WriteLine(string.Join(", ", log));
    }

    static async Task Tasks()
    {
        Task parent = Task.Factory.StartNew(() =>
        {
            Task.Factory.StartNew(() => { Compute(); throw new FormatException("child"); }, TaskCreationOptions.AttachedToParent);
            Compute();
        });
        try { await parent; } catch (AggregateException e) { Console.WriteLine($"parent {parent.Status} {e.Flatten().InnerException.Message}"); }
        catch (Exception e) { Console.WriteLine($"parent {parent.Status} {e.GetType().Name}"); }
        Task<Task<int>> nested = Task.Factory.StartNew(() => Task.Run(() => { Compute(); return 5; }));
        Console.WriteLine($"unwrapped {await nested.Unwrap()} {await await Task.WhenAny(Task.Run(() => { Compute(); return 6; }))}");
        TaskCompletionSource<int> source = new();
        _ = Task.Run(() => { Compute(); source.SetResult(7); });
        Console.WriteLine($"source {source.Task.Result} {Task.Run(() => Task.Run(() => { Compute(); return 8; }).Result).Result}");
    }

    static void Cancelling()
    {
        using CancellationTokenSource source = new();
        Task task = Task.Run(() => { while (true) { Compute(5); source.Token.ThrowIfCancellationRequested(); } }, source.Token);
        source.CancelAfter(30);
        try { task.Wait(); } catch (AggregateException e) { Console.WriteLine($"cancelled {task.Status} {e.InnerException.GetType().Name}"); }
    }

    static void Unobserved()
    {
        int seen = 0;
        TaskScheduler.UnobservedTaskException += (_, e) => { Interlocked.Increment(ref seen); e.SetObserved(); };
        Forget();
        for (int i = 0; i < 100 && Volatile.Read(ref seen) == 0; i++) { GC.Collect(); GC.WaitForPendingFinalizers(); Thread.Yield(); }
        Console.WriteLine($"unobserved {seen}");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Forget()
    {
        Task task = Task.Run(() => { Compute(); throw new FormatException("nobody looks"); });
        while (!task.IsCompleted) { Thread.Yield(); }
    }

    static void Interrupting()
    {
        foreach (Action wait in new Action[] { () => Thread.Sleep(-1), () => new ManualResetEventSlim().Wait(), () => { lock (s_local) { Monitor.Wait(s_local); } }, () => new TaskCompletionSource().Task.Wait() })
        {
            string result = null;
            Thread thread = new(() => { Compute(30); try { wait(); } catch (ThreadInterruptedException) { result = "interrupted"; } Compute(30); });
            thread.Start();
            thread.Interrupt();
            thread.Join();
            Console.Write($"{result} {thread.IsAlive} {thread.ThreadState}; ");
        }
        Console.WriteLine();
    }

    static void Crash(string kind)
    {
        Action body = () => { Compute(); throw new InvalidOperationException("from " + kind); };
        switch (kind)
        {
            case "thread": new Thread(() => body()).Start(); break;
            case "pool": ThreadPool.QueueUserWorkItem(_ => body()); break;
            case "timer": new Timer(_ => body(), null, 1, -1); break;
            case "asyncvoid": Later(body); break;
            case "wait": Task.Run(body).Wait(); break;
        }
    }

    static async void Later(Action body) { await Task.Delay(1); body(); }
}
