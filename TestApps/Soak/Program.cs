// Mixed work in goroutines that pass no check, so that only signals stop them: allocation, locks, exceptions, null references, JSON,
// regular expressions, files, sockets, tasks, child processes, and forced collections beside them. Every result is checked.
// Three goroutines do each kind, so that eight processors are not enough for all.
// Usage: Soak SECONDS [KIND...] [busy] [storm]; busy: ten times as many that calculate, in which every signal finds a place to stop;
// storm: a collection each millisecond. Prints one line per kind of work with "ok", or what went wrong.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ILPreempt.Runtime;

[assembly: DoNotWeave]

class Program
{
    const int Copies = 3;
    const int BusyCopies = 30;

    record Order(int Id, string Customer, List<double> Prices);

    static readonly object s_gate = new();
    static readonly ConcurrentDictionary<string, int> s_rounds = new();
    static readonly ConcurrentQueue<string> s_failures = new();
    static readonly long[] s_counters = new long[2];
    static volatile bool s_stop;

    static int Main(string[] args)
    {
        double seconds = double.Parse(args[0], System.Globalization.CultureInfo.InvariantCulture);
        (string Name, Action<Random> Round)[] kinds =
        [
            ("allocation", Allocation), ("locks", Locks), ("exceptions", Exceptions), ("faults", Faults), ("json", Json),
            ("regex", Regexes), ("files", Files), ("sockets", Sockets), ("tasks", Tasks), ("children", Children), ("arithmetic", Arithmetic),
        ];
        if (kinds.Any(k => args.Contains(k.Name)))
        {
            kinds = [.. kinds.Where(k => args.Contains(k.Name))];
        }

        List<(string, Action<Random>)> all = [.. Enumerable.Repeat(kinds, Copies).SelectMany(each => each)];
        if (args.Contains("busy"))
        {
            all.AddRange(Enumerable.Repeat(("arithmetic", (Action<Random>)Arithmetic), BusyCopies - Copies));
        }

        using CountdownEvent ended = new(all.Count);
        foreach ((string name, Action<Random> round) in all)
        {
            s_rounds[name] = 0;
            Goroutine.Start(() =>
            {
                Random random = new(name.Length);
                while (!s_stop && s_failures.IsEmpty)
                {
                    try
                    {
                        round(random);
                        s_rounds.AddOrUpdate(name, 1, (_, rounds) => rounds + 1);
                    }
                    catch (Exception e)
                    {
                        s_failures.Enqueue($"{name}: {e}");
                    }
                }

                ended.Signal();
            });
        }

        Stopwatch time = Stopwatch.StartNew();
        int collections = 0;
        while (time.Elapsed.TotalSeconds < seconds && s_failures.IsEmpty)
        {
            Thread.Sleep(args[^1] == "storm" ? 1 : 20);
            GC.Collect(collections++ % 10 == 0 ? 2 : 0);
        }

        s_stop = true;
        if (!ended.Wait(TimeSpan.FromSeconds(60)))
        {
            s_failures.Enqueue("still running: " + ended.CurrentCount);
        }

        foreach ((string name, _) in kinds)
        {
            Console.WriteLine($"{name} {(s_rounds[name] > 0 ? "ok" : "never ended a round")}");
            Console.Error.WriteLine($"{name} {s_rounds[name]}");
        }

        Console.Error.WriteLine($"{collections} collections asked for; all of them stopped everybody for {GC.GetTotalPauseDuration().TotalMilliseconds:0} of {time.ElapsedMilliseconds} ms");
        Console.WriteLine(s_counters[0] == s_counters[1] ? "counters agree" : $"counters differ: {s_counters[0]} {s_counters[1]}");
        foreach (string failure in s_failures)
        {
            Console.WriteLine(failure);
        }

        return s_failures.IsEmpty ? 0 : 1;
    }

    static void Check(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException(what);
        }
    }

    static void Allocation(Random random)
    {
        List<byte[]> kept = [];
        long want = 0;
        for (int i = 0; i < 2_000; i++)
        {
            byte[] block = new byte[random.Next(16, 4_000)];
            block[^1] = (byte)i;
            if (i % 10 == 0)
            {
                kept.Add(block);
                want += (byte)i;
            }
        }

        Check(kept.Sum(b => (long)b[^1]) == want, "allocation lost a byte");
    }

    static void Locks(Random random)
    {
        for (int i = 0; i < 20_000; i++)
        {
            lock (s_gate)
            {
                s_counters[0]++;
                s_counters[1]++;
            }
        }
    }

    static void Exceptions(Random random)
    {
        int caught = 0, finals = 0;
        for (int i = 0; i < 200; i++)
        {
            try
            {
                try
                {
                    Throw(i % 10);
                }
                finally
                {
                    finals++;
                }
            }
            catch (InvalidOperationException e) when (e.Message.StartsWith("deep", StringComparison.Ordinal))
            {
                caught++;
            }
        }

        Check(caught == 200 && finals == 200, $"caught {caught}, finals {finals}");
        lock (s_gate)
        {
            s_counters[0]++;
            s_counters[1]++;
        }
    }

    static void Throw(int depth)
    {
        if (depth == 0)
        {
            throw new InvalidOperationException("deep");
        }

        Throw(depth - 1);
    }

    static void Faults(Random random)
    {
        string nothing = random.Next() >= 0 ? null : "";
        int caught = 0;
        for (int i = 0; i < 200; i++)
        {
            try
            {
                caught += nothing.Length;
            }
            catch (NullReferenceException)
            {
                caught++;
            }
        }

        Check(caught == 200, $"caught {caught} null references");
    }

    static void Json(Random random)
    {
        List<Order> orders = [.. Enumerable.Range(0, 300).Select(i => new Order(i, "customer " + i, [i, i * 0.5]))];
        List<Order> back = JsonSerializer.Deserialize<List<Order>>(JsonSerializer.Serialize(orders));
        Check(back.Count == 300 && back.Sum(o => o.Prices[1]) == orders.Sum(o => o.Prices[1]), "JSON came back different");
    }

    static void Regexes(Random random)
    {
        string text = string.Join(' ', Enumerable.Range(0, 300).Select(i => $"item{i}@host{i % 7}.example"));
        Check(Regex.Matches(text, @"(\w+)@host3\.(\w+)").Count == 43, "the regular expression missed one");
    }

    static void Files(Random random)
    {
        string file = Path.GetTempFileName();
        byte[] data = new byte[100_000];
        random.NextBytes(data);
        File.WriteAllBytes(file, data);
        Check(File.ReadAllBytes(file).AsSpan().SequenceEqual(data), "the file came back different");
        File.Delete(file);
    }

    static void Sockets(Random random)
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        using TcpClient client = new();
        client.Connect((IPEndPoint)listener.LocalEndpoint);
        using TcpClient server = listener.AcceptTcpClient();
        byte[] data = Encoding.UTF8.GetBytes(new string('x', 5_000));
        client.GetStream().Write(data);
        client.Client.Shutdown(SocketShutdown.Send);
        using MemoryStream received = new();
        server.GetStream().CopyTo(received);
        Check(received.Length == data.Length, $"{received.Length} bytes of {data.Length} arrived");
    }

    static void Tasks(Random random)
    {
        Task<int>[] tasks = [.. Enumerable.Range(0, 20).Select(i => Task.Run(async () =>
        {
            await Task.Yield();
            return Enumerable.Range(0, 1_000).Sum(n => n % (i + 1));
        }))];
        Task.WaitAll(tasks);
        Check(tasks[0].Result == 0 && tasks[1].Result == 500, "a task has a wrong result");
    }

    static void Children(Random random)
    {
        ProcessStartInfo info = new("/bin/sh", ["-c", "read line; echo got $line"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process child = Process.Start(info);
        child.StandardInput.WriteLine("hello");
        string answer = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        Check(answer == "got hello\n" && child.ExitCode == 0, $"the child said '{answer}', exit {child.ExitCode}");
    }

    static void Arithmetic(Random random)
    {
        uint x = 1;
        for (int i = 0; i < 20_000_000; i++)
        {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
        }

        Check(x == Expected, $"arithmetic gave {x}");
    }

    const uint Expected = 2488766478;
}
