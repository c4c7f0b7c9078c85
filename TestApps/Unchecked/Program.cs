// One goroutine that passes no check for seconds, inside the framework or in a loop that the weaver was told to leave alone, and one
// that sleeps 1 ms at a time. Prints how often the sleeper woke while the other worked, and its gaps in ms.
// Usage: Unchecked KIND [SECONDS]
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using ILPreempt.Runtime;

class Program
{
    record Node(int Id, string Name, double Value, List<Node> Children);

    static volatile bool s_done;
    static volatile bool s_stop;
    static double s_seconds;
    static readonly Regex s_compiled = new("^(a+)+$", RegexOptions.Compiled);

    static int Main(string[] args)
    {
        s_seconds = args.Length > 1 ? double.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 2;
        bool endless = args[0] is "loop" or "arithmetic" or "empty";

        // Compiling the framework's methods is native code, in which a goroutine loses its P: it is done before the others start.
        s_stop = true;
        Work(args[0], 1)();
        s_stop = false;
        Func<object> work = Work(args[0], (int)(s_seconds * 100));
        using CountdownEvent ended = new(2);
        List<double> gaps = [];
        double worked = 0;
        bool started = false;
        Goroutine.Start(() =>
        {
            Stopwatch time = Stopwatch.StartNew();
            Volatile.Write(ref started, true);
            object result = work();
            worked = time.Elapsed.TotalMilliseconds;
            s_done = true;
            Console.WriteLine($"result {result}");
            ended.Signal();
        });
        Goroutine.Start(() =>
        {
            Stopwatch all = Stopwatch.StartNew();
            while (!Volatile.Read(ref started))
            {
                Goroutine.Yield();
            }

            TimeSpan last = all.Elapsed;
            while (!s_done)
            {
                Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
                TimeSpan now = all.Elapsed;
                gaps.Add((now - last).TotalMilliseconds);
                last = now;
                s_stop |= endless && now.TotalSeconds > s_seconds;
            }

            ended.Signal();
        });
        if (endless)
        {
            // Where nothing stops the loop no goroutine gets to end it: a thread that is none does.
            new Thread(() =>
            {
                Thread.Sleep(TimeSpan.FromSeconds(s_seconds + 3));
                s_stop = true;
            }) { IsBackground = true }.Start();
        }

        ended.Wait();
        gaps.Add(worked - gaps.Sum());
        gaps.Sort();
        Console.WriteLine($"worked {worked:F0} ms");
        Console.WriteLine($"wakes {gaps.Count - 1}");
        Console.WriteLine($"gap p50 {gaps[gaps.Count / 2]:F1} p99 {gaps[Math.Min(gaps.Count - 1, gaps.Count * 99 / 100)]:F1} max {gaps[^1]:F1} ms");
        return 0;
    }

    // What takes about n times 10 ms.
    static Func<object> Work(string kind, int n) => kind switch
    {
        "bigint" => () => (BigInteger.Pow(new BigInteger(3), n * 15_000) & 0xFFFF).ToString(),
        "modpow" => () => (BigInteger.ModPow(3, (BigInteger.One << (n * 800)) - 1, (BigInteger.One << 1999) - 9) & 0xFFFF).ToString(),
        "regex" => () => Regex.IsMatch(new string('a', 17 + (int)Math.Log2(n)) + "b", "^(a+)+$"),
        "regex-compiled" => () => s_compiled.IsMatch(new string('a', 18 + (int)Math.Log2(n)) + "b"),
        "sort" => Sort(n * 120_000),
        "aggregate" => () => Enumerable.Range(0, n * 4_000_000).Aggregate((a, b) => a ^ b),
        "sha512" => Sha512(n),
        "json" => Json(n * 8_000),
        "loop" => () => CallFreeLoop(),
        "arithmetic" => () => Arithmetic(1),
        "empty" => () => EmptyLoop(),
        _ => throw new ArgumentException("bigint modpow regex regex-compiled sort aggregate sha512 json loop arithmetic empty"),
    };

    static Func<object> Sort(int n)
    {
        int[] data = new int[n];
        new Random(1).NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(data.AsSpan()));
        return () =>
        {
            Array.Sort(data);
            return data[n / 2];
        };
    }

    static Func<object> Sha512(int n)
    {
        byte[] data = new byte[n * 4_000_000];
        return () => Convert.ToHexString(SHA512.HashData(data))[..8];
    }

    static Func<object> Json(int n)
    {
        List<Node> nodes = new(n);
        for (int i = 0; i < n; i++)
        {
            nodes.Add(new Node(i, "node " + i, i * 0.5, i % 3 == 0 ? [new Node(i, "child", 1, [])] : []));
        }

        return () =>
        {
            JsonSerializer.Serialize(Stream.Null, nodes);
            return n;
        };
    }

    [DoNotWeave, MethodImpl(MethodImplOptions.NoInlining)]
    static long CallFreeLoop()
    {
        long n = 0;
        while (!s_stop)
        {
            n++;
        }

        return n > 0 ? 1 : 0;
    }

    [DoNotWeave, MethodImpl(MethodImplOptions.NoInlining)]
    static uint Arithmetic(uint x)
    {
        while (!s_stop)
        {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
        }

        return x == 0 ? 0u : 1u;
    }

    [DoNotWeave, MethodImpl(MethodImplOptions.NoInlining)]
    static int EmptyLoop()
    {
        while (!s_stop)
        {
        }

        return 1;
    }
}
