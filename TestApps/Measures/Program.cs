// The questions of tests/Benchmarks' table, each answered in a process of its own: Measures WHAT WHO NUMBER... WHO does it: goroutines (only under the
// scheduler), threads or tasks. Answers are lines of a key and a number.
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using ILPreempt.Runtime;
using ILPreempt.Runtime.Scheduling;

class Program
{
    static string s_who;
    static volatile bool s_stop;
    static long s_sink;

    static void Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        s_who = args[1];
        int[] n = args.Skip(2).Select(int.Parse).ToArray();
        switch (args[0])
        {
            case "create": Create(n[0]); break;
            case "million": Million(n[0]); break;
            case "yield": Yield(n[0]); break;
            case "pingpong": PingPong(n[0]); break;
            case "parked": Parked(n[0]); break;
            case "preempt": Preempt(n[0]); break;
            case "wakeup": Wakeup(n[0], n[1]); break;
            case "fairness": Fairness(n[0], n[1]); break;
            case "work": Work(n[0], n[1]); break;
            case "gcpause": GcPause(n[0], n[1]); break;
        }
    }

    static void Start(Action body)
    {
        switch (s_who)
        {
            case "goroutines": Goroutine.Start(body); break;
            case "tasks": Task.Run(body); break;
            default: new Thread(() => body()) { IsBackground = true }.Start(); break;
        }
    }

    static void Print(string key, double value) => Console.WriteLine($"{key} {value:F4}");

    static double Percentile(List<double> values, double share)
    {
        values.Sort();
        return values[Math.Min(values.Count - 1, (int)(values.Count * share))];
    }

    static double Status(string name) =>
        double.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith(name + ":")).Split((char[])null, StringSplitOptions.RemoveEmptyEntries)[1]);

    // As often as needed to be past the JIT's last tier, then once more with the clock.
    static double PerOperation(int n, Action round)
    {
        for (int i = 0; i < 3; i++) { round(); Thread.Sleep(150); }
        Stopwatch clock = Stopwatch.StartNew();
        round();
        return clock.Elapsed.TotalNanoseconds / n;
    }

    static void Create(int n)
    {
        int batch = s_who == "threads" ? 100 : 10_000;
        Print("ns", PerOperation(n, () =>
        {
            for (int i = 0; i < n; i += batch)
            {
                using CountdownEvent left = new(batch);
                Action body = () => left.Signal();
                for (int k = 0; k < batch; k++) { Start(body); }
                left.Wait();
            }
        }));
    }

    static void Million(int n)
    {
        using CountdownEvent left = new(n);
        Action body = () => left.Signal();
        Stopwatch clock = Stopwatch.StartNew();
        for (int i = 0; i < n; i++) { Start(body); }
        left.Wait();
        Print("ms", clock.Elapsed.TotalMilliseconds);
        Print("peakMB", Status("VmHWM") / 1024);
    }

    // Two of a kind on one processor, which the caller has seen to for the first two.
    static void Yield(int n)
    {
        if (s_who == "threads") { Process.GetCurrentProcess().ProcessorAffinity = 1; }
        Print("ns", PerOperation(n, () =>
        {
            using CountdownEvent left = new(2);
            for (int i = 0; i < 2; i++)
            {
                if (s_who == "tasks")
                {
                    Task.Run(async () => { for (int k = 0; k < n / 2; k++) { await Task.Yield(); } left.Signal(); });
                }
                else
                {
                    bool goroutine = s_who == "goroutines";
                    Start(() =>
                    {
                        for (int k = 0; k < n / 2; k++) { if (goroutine) { Goroutine.Yield(); } else { Thread.Yield(); } }
                        left.Signal();
                    });
                }
            }
            left.Wait();
        }));
    }

    static void PingPong(int n)
    {
        Print("ns", PerOperation(n, () =>
        {
            using CountdownEvent left = new(2);
            switch (s_who)
            {
                case "goroutines":
                {
                    Turn there = new(), back = new();
                    Start(() => { for (int i = 0; i < n; i++) { there.Post(); back.Wait(); } left.Signal(); });
                    Start(() => { for (int i = 0; i < n; i++) { there.Wait(); back.Post(); } left.Signal(); });
                    break;
                }
                case "tasks":
                {
                    Channel<int> there = Channel.CreateBounded<int>(1), back = Channel.CreateBounded<int>(1);
                    Task.Run(async () => { for (int i = 0; i < n; i++) { await there.Writer.WriteAsync(i); await back.Reader.ReadAsync(); } left.Signal(); });
                    Task.Run(async () => { for (int i = 0; i < n; i++) { await back.Writer.WriteAsync(await there.Reader.ReadAsync()); } left.Signal(); });
                    break;
                }
                default:
                {
                    SemaphoreSlim there = new(0), back = new(0);
                    Start(() => { for (int i = 0; i < n; i++) { there.Release(); back.Wait(); } left.Signal(); });
                    Start(() => { for (int i = 0; i < n; i++) { there.Wait(); back.Release(); } left.Signal(); });
                    break;
                }
            }
            left.Wait();
        }));
    }

    // A semaphore of one permit for two goroutines, of park and ready alone. State: null, s_posted, or the goroutine that waits.
    class Turn
    {
        static readonly object s_posted = new();
        object _state;

        internal void Post()
        {
            if (Interlocked.CompareExchange(ref _state, s_posted, null) is G g)
            {
                _state = null;
                Scheduler.GoReady(g);
            }
        }

        internal void Wait() => Scheduler.GoPark(static (g, turn) => ((Turn)turn).MustWait(g), this, WaitReason.SemAcquire);

        bool MustWait(G g)
        {
            if (Interlocked.CompareExchange(ref _state, g, null) == null) { return true; }
            _state = null;
            return false;
        }
    }

    // Memory of each that has started and waits: growth of the resident set. Kernel memory, such as 16 kB of stack per thread, is not in it.
    static void Parked(int n)
    {
        double before = Status("VmRSS");
        using CountdownEvent started = new(n), ended = new(n);
        using ManualResetEventSlim stop = new();
        TaskCompletionSource end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        for (int i = 0; i < n; i++)
        {
            if (s_who == "tasks") { Task.Run(async () => { started.Signal(); await end.Task; ended.Signal(); }); }
            else { Start(() => { started.Signal(); stop.Wait(); ended.Signal(); }); }
        }
        started.Wait();
        Thread.Sleep(100);
        Print("kB", (Status("VmRSS") - before) / n);
        stop.Set();
        end.SetResult();
        ended.Wait();
    }

    static volatile int s_last = -1;
    static long s_turn, s_until;
    static readonly List<double> s_late = new(100_000);

    // Two goroutines on one P: how much later than a slice after its start each turn was followed by the other's, in us.
    static void Preempt(int ms)
    {
        using CountdownEvent left = new(2);
        s_until = Stopwatch.GetTimestamp() + ms * Stopwatch.Frequency / 1000;
        for (int i = 0; i < 2; i++)
        {
            int me = i;
            Goroutine.Start(() =>
            {
                if (s_who == "signal") { SpinUnwoven(me); } else { Spin(me); }
                left.Signal();
            });
        }
        left.Wait();
        List<double> late = s_late.Skip(1).SkipLast(1).ToList();
        Print("p50", Percentile(late, 0.5));
        Print("p99", Percentile(late, 0.99));
        Print("max", late[^1]);
    }

    // A microsecond of arithmetic for each look at the clock: reading it is native code, where nobody is stopped, and would be most of the time.
    static void Spin(int me)
    {
        long now, x = me;
        while ((now = Stopwatch.GetTimestamp()) < s_until)
        {
            if (s_last != me) { Switched(me, now); }
            for (int i = 0; i < 1000; i++) { x = (x * 6364136223846793005) + 1; }
        }

        s_sink = x;
    }

    [DoNotWeave]
    static void SpinUnwoven(int me)
    {
        long now, x = me;
        while ((now = Stopwatch.GetTimestamp()) < s_until)
        {
            if (s_last != me) { Switched(me, now); }
            for (int i = 0; i < 1000; i++) { x = (x * 6364136223846793005) + 1; }
        }

        s_sink = x;
    }

    static void Switched(int me, long now)
    {
        if (s_last >= 0) { s_late.Add(Stopwatch.GetElapsedTime(s_turn, now).TotalMicroseconds - 10_000); }
        s_turn = now;
        s_last = me;
    }

    // How much later than 1 ms a sleeper wakes beside hogs, in ms. Of tasks nobody may wait for ever: what was not woken counts as late as it is.
    static void Wakeup(int hogs, int ms)
    {
        long[] rounds = new long[hogs * 16];
        StartHogs(hogs, k => Hog(ref rounds[k * 16]));
        Thread.Sleep(100);
        List<double> late = [];
        using ManualResetEventSlim ended = new();
        Stopwatch all = Stopwatch.StartNew();
        Stopwatch nap = Stopwatch.StartNew();
        void Note() { lock (late) { late.Add(nap.Elapsed.TotalMilliseconds - 1); nap.Restart(); } }
        if (s_who == "tasks")
        {
            Task.Run(async () => { Note(); while (all.ElapsedMilliseconds < ms) { nap.Restart(); await Task.Delay(1); Note(); } ended.Set(); });
        }
        else
        {
            bool goroutine = s_who == "goroutines";
            Start(() =>
            {
                while (all.ElapsedMilliseconds < ms)
                {
                    nap.Restart();
                    if (goroutine) { Goroutine.Sleep(TimeSpan.FromMilliseconds(1)); } else { Thread.Sleep(1); }
                    Note();
                }
                ended.Set();
            });
        }
        ended.Wait(ms + 1000);
        lock (late) { if (!ended.IsSet) { late.Add(nap.Elapsed.TotalMilliseconds - 1); } }
        s_stop = true;
        lock (late)
        {
            Print("p50", Percentile(late, 0.5));
            Print("p99", Percentile(late, 0.99));
        }
    }

    // All are there before the first computes: to start a thread beside those that do takes its own time, half a minute for 64 on a busy
    // machine. Tasks come as they come, since one that waits holds a worker.
    static void StartHogs(int hogs, Action<int> body)
    {
        using CountdownEvent here = new(hogs);
        ManualResetEventSlim go = new(s_who == "tasks");
        for (int i = 0; i < hogs; i++)
        {
            int k = i;
            Start(() => { if (s_who != "tasks") { here.Signal(); go.Wait(); } body(k); });
        }
        if (s_who != "tasks") { here.Wait(); go.Set(); }
    }

    static long[] Hogs(int hogs, int ms)
    {
        long[] rounds = new long[hogs * 16];
        using CountdownEvent left = new(hogs);
        StartHogs(hogs, k => { Hog(ref rounds[k * 16]); left.Signal(); });
        Thread.Sleep(ms);
        s_stop = true;
        left.Wait();
        return rounds.Where((_, i) => i % 16 == 0).ToArray();
    }

    static void Fairness(int hogs, int ms)
    {
        Hogs(hogs, 200);
        s_stop = false;
        long[] rounds = Hogs(hogs, ms);
        Print("spread", (double)rounds.Max() / Math.Max(1, rounds.Min()));
    }

    // Millions of steps a second.
    static void Work(int hogs, int ms)
    {
        Hogs(hogs, 200);
        s_stop = false;
        Stopwatch clock = Stopwatch.StartNew();
        Print("rate", Hogs(hogs, ms).Sum() * 1e3 / 1e6 / clock.Elapsed.TotalSeconds);
    }

    // As many as fit into three seconds: the one who collects waits for its turns beside the hogs.
    static void GcPause(int hogs, int times)
    {
        long[] rounds = new long[hogs * 16];
        StartHogs(hogs, k => Hog(ref rounds[k * 16]));
        Thread.Sleep(200);
        List<double> pauses = [];
        Stopwatch clock = Stopwatch.StartNew();
        for (int i = 0; i < times && clock.Elapsed.TotalSeconds < 3; i++)
        {
            Thread.Sleep(20);
            GC.Collect(0);
            pauses.Add(GC.GetGCMemoryInfo(GCKind.Ephemeral).PauseDurations[0].TotalMicroseconds);
        }
        s_stop = true;
        Print("us", Percentile(pauses, 0.5));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Hog(ref long rounds)
    {
        ulong x = 88172645463325252;
        while (!s_stop)
        {
            for (int i = 0; i < 1000; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; }
            rounds++;
        }
        Volatile.Write(ref s_sink, (long)x); // or the JIT leaves the steps out
    }
}
