using System.Diagnostics;
using System.Globalization;
using ILPreempt.Benchmarks.Table;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>
/// 20 requests that compute for two seconds each, and 50 pings a second beside them; then a console program with 8
/// Task.Run hogs and four heartbeats. Plain and hosted in turn, three times. A ping's latency counts from the moment it was due.
/// </summary>
internal static class Starvation
{
    private const int Hogs = 20;
    private const double PingsPerSecond = 50;

    public static int Run(string[] args)
    {
        int times = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 3;
        int rounds;
        using (Server server = Server.Start(hosted: false))
        {
            rounds = server.Rate() * 2;
        }

        Console.WriteLine($"{Hogs} hogs of {rounds} rounds, {PingsPerSecond} pings/s");
        Console.WriteLine("| run | ping p50 ms | p99 ms | max ms | hogs done in s | server CPU s |\n| --- | --- | --- | --- | --- | --- |");
        for (int i = 0; i < times; i++)
        {
            Serve(hosted: false, rounds);
            Serve(hosted: true, rounds);
        }

        Console.WriteLine("\nHeartbeats beside 8 hogs, every 10 ms");
        for (int i = 0; i < times; i++)
        {
            Console.WriteLine("plain\n" + ChildProcess.Plain(Repo.TestApp("Heartbeat"), ["8", "5"]).StdOut);
            Console.WriteLine("hosted\n" + ChildProcess.Hosted(Repo.TestApp("Heartbeat"), ["8", "5"]).StdOut);
        }

        return 0;
    }

    /// <summary>Rows of the table: fewer and shorter hogs, so that a hundred of them end in seconds.</summary>
    public static Subject Subject(int hogs)
    {
        // About a microsecond each; the same work for all and in every table.
        int rounds = hogs switch { 1 => 2_000_000, <= 10 => 500_000, _ => 150_000 };
        string beside = hogs == 1 ? "1 request that computes" : $"{hogs} requests that compute";
        return new Subject(
            $"server-{hogs}",
            [
                new Row($"server-{hogs}/p50", $"ping of a web server beside {beside}, median", "ms"),
                new Row($"server-{hogs}/p99", $"ping of a web server beside {beside}, 99th perc.", "ms"),
                new Row($"server-{hogs}/done", $"{beside} beside pings: until done", "s"),
            ],
            Run) { Rounds = 3, Budget = TimeSpan.FromSeconds(100) };

        Answer? Run(Column column, bool quick)
        {
            using Server? server = Server.Start(column);
            if (server is null)
            {
                return null;
            }

            (double[] ms, double done, _) = Serve(server, hogs, quick ? rounds / 3 : rounds);
            return new Answer(new Dictionary<string, double> { ["p50"] = Measure.Median(ms), ["p99"] = Measure.Percentile(ms, 0.99), ["done"] = done });
        }
    }

    private static void Serve(bool hosted, int rounds)
    {
        using Server server = Server.Start(hosted);
        (double[] ms, double done, double cpu) = Serve(server, Hogs, rounds);
        Console.WriteLine($"| {(hosted ? "hosted" : "plain")} | {Measure.Cell(Measure.Median(ms))} | {Measure.Cell(Measure.Percentile(ms, 0.99))} | {Measure.Cell(ms.Max())} | {Measure.Cell(done)} | {Measure.Cell(cpu)} |");
    }

    private static (double[] PingMs, double DoneSeconds, double CpuSeconds) Serve(Server server, int count, int rounds)
    {
        for (int i = 0; i < 20; i++)
        {
            server.Client.GetStringAsync("ping").Wait();
        }

        TimeSpan cpu = server.Cpu;
        Stopwatch clock = Stopwatch.StartNew();
        Task hogs = Task.WhenAll(Enumerable.Range(0, count).Select(_ => server.Client.GetStringAsync($"hog/{rounds}")));
        TimeSpan done = default;
        Task ended = hogs.ContinueWith(_ => done = clock.Elapsed, TaskScheduler.Default);
        List<Task<double>> pings = [];
        for (int n = 0; !ended.IsCompleted; n++)
        {
            TimeSpan due = TimeSpan.FromSeconds(n / PingsPerSecond);
            if (due > clock.Elapsed)
            {
                Thread.Sleep(due - clock.Elapsed);
            }

            pings.Add(Ping(server, clock, due));
        }

        return (Task.WhenAll(pings).Result, done.TotalSeconds, (server.Cpu - cpu).TotalSeconds);
    }

    private static async Task<double> Ping(Server server, Stopwatch clock, TimeSpan due)
    {
        await server.Client.GetStringAsync("ping").ConfigureAwait(false);
        return (clock.Elapsed - due).TotalMilliseconds;
    }
}
