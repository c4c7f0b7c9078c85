// Tasks, parallel loops, channels, async streams and blocking on async code.
using System.Collections.Concurrent;
using System.Threading.Channels;

class Program
{
    static readonly AsyncLocal<string> s_flow = new();

    static async Task Main()
    {
        await Basics();
        Loops();
        await Cancellation();
        await Flow();
        await Pipes();
        await Streams();
        Blocking();
        await Sources();
        await Errors();
        await Pool();
        await Semaphores();
        Schedulers();
        await Starvation();
        await ValueTasks();
        await WhenEachOne();
        await Periodic();
    }

    static int Work(int n)
    {
        int sum = 0;
        for (int i = 0; i < 10_000; i++) { sum += i ^ n; }
        return sum;
    }

    static async Task Basics()
    {
        int[] results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => Work(i))));
        string chain = await Task.Run(() => 5).ContinueWith(t => t.Result * 2).ContinueWith(t => $"got {t.Result}", TaskContinuationOptions.ExecuteSynchronously);
        Task parent = Task.Factory.StartNew(() =>
        {
            for (int i = 0; i < 5; i++) { Task.Factory.StartNew(() => Work(i), TaskCreationOptions.AttachedToParent); }
        });
        await parent;
        Task<int> longRunning = Task.Factory.StartNew(() => Work(1), TaskCreationOptions.LongRunning);
        Task cold = new(() => Work(3));
        cold.Start();
        cold.Wait();
        Console.WriteLine($"basics {results.Sum()} {chain} {parent.Status} {await longRunning} {cold.Status}");
    }

    static void Loops()
    {
        long sum = 0;
        Parallel.For(0, 1000, i => Interlocked.Add(ref sum, Work(i) & 15));
        ConcurrentDictionary<int, int> map = new();
        Parallel.ForEach(Enumerable.Range(0, 1000), new ParallelOptions { MaxDegreeOfParallelism = 3 }, i => map.AddOrUpdate(i % 10, 1, (_, v) => v + 1));
        long local = 0;
        Parallel.For(0, 1000, () => 0L, (i, _, acc) => acc + i, acc => Interlocked.Add(ref local, acc));
        ParallelLoopResult broken = Parallel.For(0, 1000, (i, s) => { if (i == 100) { s.Break(); } });
        int[] squares = Enumerable.Range(0, 2000).AsParallel().AsOrdered().Where(i => i % 3 == 0).Select(i => i * i).ToArray();
        Parallel.Invoke(() => Work(1), () => Work(2), () => Work(3));
        try { Parallel.For(0, 10, i => throw new Exception("in loop")); }
        catch (AggregateException e) { Console.WriteLine($"loop failed {e.InnerExceptions.All(x => x.Message == "in loop")}"); }
        Console.WriteLine($"loops {sum} {string.Join(",", map.OrderBy(p => p.Key).Select(p => p.Value))} {local} {broken.LowestBreakIteration} {squares.Sum(x => (long)x)} {ParallelEnumerable.Range(0, 100_000).Sum(x => (long)x)}");
    }

    static async Task Cancellation()
    {
        using CancellationTokenSource source = new();
        Task spinner = Task.Run(() => { while (true) { source.Token.ThrowIfCancellationRequested(); } }, source.Token);
        Task delay = Task.Delay(Timeout.Infinite, source.Token);
        source.CancelAfter(20);
        int cancelled = 0;
        foreach (Task t in new[] { spinner, delay })
        {
            try { await t; }
            catch (OperationCanceledException) { cancelled++; }
        }
        bool timedOut = false;
        try { await Task.Delay(Timeout.Infinite).WaitAsync(TimeSpan.FromMilliseconds(5)); }
        catch (TimeoutException) { timedOut = true; }
        Console.WriteLine($"cancelled {cancelled} {spinner.Status} {delay.Status} {timedOut}");
    }

    static async Task Flow()
    {
        s_flow.Value = "outer";
        string inner = await Task.Run(async () =>
        {
            string seen = s_flow.Value;
            s_flow.Value = "changed";
            await Task.Yield();
            return seen + "/" + s_flow.Value;
        });
        string thread = "";
        Thread t = new(() => thread = s_flow.Value);
        t.Start();
        t.Join();
        string suppressed;
        using (ExecutionContext.SuppressFlow())
        {
            Task<string> elsewhere = Task.Run(() => s_flow.Value ?? "nothing");
            // Not Result: it may run the task here, where the value is.
            SpinWait.SpinUntil(() => elsewhere.IsCompleted);
            suppressed = elsewhere.Result;
        }
        string[] many = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            s_flow.Value = i.ToString();
            for (int k = 0; k < 20; k++) { await Task.Yield(); Work(k); }
            return s_flow.Value;
        }));
        Console.WriteLine($"flow {inner} {thread} {suppressed} {string.Join("", many)} {s_flow.Value}");
    }

    static async Task Pipes()
    {
        Channel<int> channel = Channel.CreateBounded<int>(4);
        Task producer = Task.Run(async () =>
        {
            for (int i = 0; i < 2000; i++) { await channel.Writer.WriteAsync(i); }
            channel.Writer.Complete();
        });
        long[] sums = await Task.WhenAll(Enumerable.Range(0, 3).Select(async _ =>
        {
            long sum = 0;
            await foreach (int x in channel.Reader.ReadAllAsync()) { sum += x; }
            return sum;
        }));
        await producer;
        Console.WriteLine($"pipes {sums.Sum()}");
    }

    static async IAsyncEnumerable<int> Count([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token = default)
    {
        for (int i = 0; ; i++)
        {
            token.ThrowIfCancellationRequested();
            if (i % 3 == 0) { await Task.Delay(1, CancellationToken.None); }
            yield return i;
        }
    }

    static async Task Streams()
    {
        int sum = 0;
        using CancellationTokenSource source = new();
        try
        {
            await foreach (int i in Count().WithCancellation(source.Token))
            {
                sum += i;
                if (i == 20) { source.Cancel(); }
            }
        }
        catch (OperationCanceledException) { Console.WriteLine($"stream {sum}"); }
        await using (new Resource()) { await Task.Yield(); }
    }

    class Resource : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() { await Task.Delay(1); Console.WriteLine("disposed"); }
    }

    static async Task<int> Later(int x) { await Task.Delay(2); return x; }

    static void Blocking()
    {
        int sum = 0;
        for (int i = 0; i < 10; i++) { sum += Later(i).Result + Later(i).GetAwaiter().GetResult(); }
        Task<int>[] tasks = Enumerable.Range(0, 10).Select(Later).ToArray();
        Task.WaitAll(tasks);
        int any = Task.WaitAny(Task.Delay(Timeout.Infinite), Later(1));
        int nested = Task.Run(() => Task.Run(() => Task.Run(() => Later(7)).Result).Result).Result;
        Console.WriteLine($"blocking {sum} {tasks.Sum(t => t.Result)} {any} {nested}");
    }

    static async Task Sources()
    {
        TaskCompletionSource<int> source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int> doubled = source.Task.ContinueWith(t => t.Result * 2);
        new Thread(() => source.SetResult(21)).Start();
        Console.WriteLine($"source {await doubled} {source.TrySetResult(1)}");
    }

    static async Task Errors()
    {
        Task both = Task.WhenAll(Task.Run(() => throw new FormatException("one")), Task.Run(() => throw new TimeoutException("two")));
        try { await both; }
        catch (Exception) { Console.WriteLine($"both {string.Join(",", both.Exception.InnerExceptions.Select(x => x.Message).Order())}"); }
        Task<string> faulted = Task.FromException<string>(new Exception("from the start"));
        Console.WriteLine(await faulted.ContinueWith(t => t.Exception.InnerException.Message, TaskContinuationOptions.OnlyOnFaulted));
        await Task.Run(() => throw new Exception()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    static async Task Pool()
    {
        TaskCompletionSource done = new();
        int n = 0;
        for (int i = 0; i < 200; i++)
        {
            ThreadPool.QueueUserWorkItem(s => { if (Interlocked.Add(ref n, s) == 200) { done.SetResult(); } }, 1, preferLocal: i % 2 == 0);
        }
        await done.Task;
        TaskCompletionSource<bool> signalled = new();
        using ManualResetEvent handle = new(false);
        RegisteredWaitHandle registered = ThreadPool.RegisterWaitForSingleObject(handle, (_, timedOut) => signalled.SetResult(timedOut), null, 10_000, true);
        handle.Set();
        Console.WriteLine($"pool {n} {await signalled.Task} {Thread.CurrentThread.IsThreadPoolThread}");
        registered.Unregister(null);
    }

    static async Task Semaphores()
    {
        using SemaphoreSlim gate = new(1);
        int n = 0;
        await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            for (int i = 0; i < 20; i++)
            {
                await gate.WaitAsync();
                int before = n;
                await Task.Yield();
                n = before + 1;
                gate.Release();
            }
        }));
        Console.WriteLine($"semaphore {n}");
    }

    static void Schedulers()
    {
        ConcurrentExclusiveSchedulerPair pair = new();
        int n = 0;
        Task[] tasks = Enumerable.Range(0, 50).Select(_ => Task.Factory.StartNew(() => { int x = n; Work(x); n = x + 1; }, CancellationToken.None, TaskCreationOptions.None, pair.ExclusiveScheduler)).ToArray();
        Task.WaitAll(tasks);
        Console.WriteLine($"exclusive {n}");
    }

    static async Task Starvation()
    {
        // More spinning tasks than processors, and one that must still come through.
        int stop = 0;
        Task[] hogs = Enumerable.Range(0, 2).Select(_ => Task.Run(() => { while (Volatile.Read(ref stop) == 0) { } })).ToArray();
        await Task.Delay(10);
        await Task.Run(() => Work(1));
        Volatile.Write(ref stop, 1);
        await Task.WhenAll(hogs);
        Console.WriteLine("not starved");
    }

    static async ValueTask<int> Maybe(bool slow) { if (slow) { await Task.Delay(1); } return slow ? 2 : 1; }

    static async Task ValueTasks() => Console.WriteLine($"value tasks {await Maybe(false) + await Maybe(true)}");

    static async Task WhenEachOne()
    {
        int sum = 0;
        await foreach (Task<int> t in Task.WhenEach(Enumerable.Range(0, 10).Select(Later))) { sum += await t; }
        Console.WriteLine($"each {sum}");
    }

    static async Task Periodic()
    {
        using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(1));
        int n = 0;
        while (n < 5 && await timer.WaitForNextTickAsync()) { n++; }
        Console.WriteLine($"periodic {n}");
    }
}
