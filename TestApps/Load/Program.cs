// What servers and batch programs do a lot of, by name. The first two print milliseconds, the others operations a second.
// soa: blocking on tasks in Task.Run bodies; threads: many threads that sleep and sum; tasks: small Task.Run bodies;
// channel: a producer and a consumer; parallel: Parallel.For; lock: four threads contend for a lock; nap: hogs beside sleepers.
// A second argument is the number of the first two and of nap's sleepers, or "quick".
using System.Diagnostics;
using System.Threading.Channels;

bool quick = args.Length > 1 && args[1] == "quick";
int n = args.Length > 1 && !quick ? int.Parse(args[1]) : 0;
switch (args[0])
{
    case "soa": SyncOverAsync(n == 0 ? 500 : n); break;
    case "threads": Threads(n == 0 ? 10_000 : n); break;
    case "tasks": Report(() => Tasks(quick ? 100_000 : 1_000_000)); break;
    case "channel": Report(() => Channels(quick ? 100_000 : 3_000_000)); break;
    case "parallel": Report(() => ParallelFor(quick ? 1_000_000 : 40_000_000)); break;
    case "lock": Report(() => Locks(quick ? 100_000 : 8_000_000)); break;
    case "nap": Naps(n); break;
}

static void SyncOverAsync(int n)
{
    WebApplicationBuilder builder = WebApplication.CreateBuilder();
    builder.WebHost.UseUrls("http://127.0.0.1:0");
    builder.Logging.ClearProviders();
    WebApplication app = builder.Build();
    app.MapGet("/", () => "x");
    app.Start();
    using HttpClient client = new() { BaseAddress = new Uri(app.Urls.First()) };
    client.GetStringAsync("/").Wait();
    Stopwatch clock = Stopwatch.StartNew();
    Task<int>[] all = Enumerable.Range(0, n).Select(_ => Task.Run(() =>
    {
        for (int i = 0; i < 3; i++) { Task.Delay(100).Wait(); }
        return client.GetStringAsync("/").Result.Length;
    })).ToArray();
    Task.WaitAll(all);
    Console.WriteLine($"{clock.ElapsedMilliseconds}");
    Console.WriteLine($"answers {all.Sum(t => t.Result)}");
}

static void Threads(int n)
{
    Stopwatch clock = Stopwatch.StartNew();
    long sum = 0;
    using CountdownEvent left = new(n);
    for (int t = 0; t < n; t++)
    {
        new Thread(() =>
        {
            Thread.Sleep(100);
            long s = 0;
            for (int i = 0; i < 10_000; i++) { s += i; }
            Interlocked.Add(ref sum, s);
            left.Signal();
        }).Start();
    }
    left.Wait();
    Console.WriteLine($"{clock.ElapsedMilliseconds}");
    Console.WriteLine($"sum {sum}, {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MB");
}

// Four rounds to warm up, then the median of nine.
static void Report(Func<int> round)
{
    List<double> rates = [];
    for (int i = 0; i < 13; i++)
    {
        Stopwatch clock = Stopwatch.StartNew();
        int operations = round();
        if (i >= 4) { rates.Add(operations / clock.Elapsed.TotalSeconds); }
    }
    rates.Sort();
    Console.WriteLine($"{rates[rates.Count / 2]:F0}");
    Console.WriteLine($"cpu {Environment.CpuUsage.TotalTime.TotalMilliseconds:F0} ms");
}

static int Tasks(int n)
{
    int done = 0;
    Task[] tasks = new Task[10_000];
    for (int i = 0; i < n; i += tasks.Length)
    {
        for (int k = 0; k < tasks.Length; k++) { tasks[k] = Task.Run(() => { Interlocked.Increment(ref done); }); }
        Task.WaitAll(tasks);
    }
    return n;
}

static int Channels(int n)
{
    Channel<int> channel = Channel.CreateBounded<int>(1000);
    Task producer = Task.Run(async () =>
    {
        for (int i = 0; i < n; i++) { await channel.Writer.WriteAsync(i); }
        channel.Writer.Complete();
    });
    long sum = 0;
    Task consumer = Task.Run(async () => { await foreach (int i in channel.Reader.ReadAllAsync()) { sum += i; } });
    Task.WaitAll(producer, consumer);
    return n;
}

static int ParallelFor(int n)
{
    double[] squares = new double[n / 10];
    for (int k = 0; k < 10; k++) { Parallel.For(0, squares.Length, i => squares[i] = Math.Sqrt(i) * i); }
    return n;
}

static int Locks(int n)
{
    object gate = new();
    long sum = 0;
    Thread[] threads = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
    {
        for (int i = 0; i < n / 4; i++) { lock (gate) { sum += i; } }
    })).ToArray();
    foreach (Thread thread in threads) { thread.Start(); }
    foreach (Thread thread in threads) { thread.Join(); }
    return n;
}

// Two hogs per processor, and beside them a thread that naps 10 ms at a time if the argument is 1. Prints the hogs' rounds.
static void Naps(int withNaps)
{
    Stopwatch clock = Stopwatch.StartNew();
    int hogs = Environment.ProcessorCount * 2;
    long[] rounds = new long[hogs * 16];
    int naps = 0;
    Thread[] threads = Enumerable.Range(0, hogs).Select(h => new Thread(() =>
    {
        ulong x = 88172645463325252;
        while (clock.ElapsedMilliseconds < 4000)
        {
            for (int i = 0; i < 1000; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; }
            rounds[h * 16]++;
        }
    })).ToArray();
    foreach (Thread thread in threads) { thread.Start(); }
    Thread napper = new(() =>
    {
        while (withNaps != 0 && clock.ElapsedMilliseconds < 4000) { Thread.Sleep(10); naps++; }
    });
    napper.Start();
    foreach (Thread thread in threads) { thread.Join(); }
    napper.Join();
    Console.WriteLine(rounds.Sum());
    Console.WriteLine($"naps {naps}, cpu {Environment.CpuUsage.TotalTime.TotalMilliseconds:F0} ms");
}
