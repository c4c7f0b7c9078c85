using System.Diagnostics;
using System.Globalization;
using ILPreempt.Benchmarks.Table;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What must not get slower: requests to a small web server, small tasks, a channel, Parallel.For, a contended lock. Plain and hosted in
/// turn, processes of their own, medians. A server's load comes from this process, over loopback, by as many connections as
/// fill it; since that takes its share of the CPU, requests per second of the server's own CPU time are printed too.
/// </summary>
internal static class Throughput
{
    public static int Run(string[] args)
    {
        int times = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 5;
        Console.WriteLine("| what | plain 1/s | hosted 1/s | ratio |\n| --- | --- | --- | --- |");
        foreach (string kind in new[] { "tasks", "channel", "parallel", "lock" })
        {
            Compare(kind, times, hosted => Rate(kind, hosted));
        }

        List<double> cpuPlain = [];
        List<double> cpuHosted = [];
        Compare("requests", times, hosted => Requests(hosted, hosted ? cpuHosted : cpuPlain));
        Print("requests per CPU second", Measure.Median(cpuPlain), Measure.Median(cpuHosted));
        return 0;
    }

    /// <summary>Rows of the table.</summary>
    public static IEnumerable<Subject> Subjects()
    {
        (string Kind, string Text)[] kinds = [("tasks", "small Task.Run bodies"), ("channel", "items through a bounded channel"), ("parallel", "Parallel.For rounds"), ("lock", "a lock that four threads contend for")];
        foreach ((string kind, string text) in kinds)
        {
            yield return new Subject($"load-{kind}", [new Row($"load-{kind}/rate", text, "1/s", MoreIsBetter: true)], (column, quick) =>
            {
                string arguments = quick ? kind + " quick" : kind;
                string? output = Programs.Output(column, "Load", arguments, arguments, arguments);
                return output is null ? null : column == Column.Go ? Answer.Parse(output) : Answer.Of("rate", double.Parse(output.Split('\n')[0], CultureInfo.InvariantCulture));
            }) { Rounds = 3 };
        }

        Row[] rows = [new Row("requests/rate", "requests to a web server, 32 connections", "1/s", MoreIsBetter: true), new Row("requests/perCpu", "requests to a web server per second of its CPU", "1/s", MoreIsBetter: true)];
        yield return new Subject("requests", rows, (column, quick) =>
        {
            List<double> perCpuSecond = [];
            using Server? server = Server.Start(column);
            return server is null ? null : new Answer(new Dictionary<string, double> { ["rate"] = Requests(server, perCpuSecond, quick ? 1 : 4), ["perCpu"] = perCpuSecond[0] });
        }) { Rounds = 5 };
    }

    private static void Compare(string what, int times, Func<bool, double> rate)
    {
        List<double> plain = [];
        List<double> hosted = [];
        for (int i = 0; i < times; i++)
        {
            plain.Add(rate(false));
            hosted.Add(rate(true));
        }

        Print(what, Measure.Median(plain), Measure.Median(hosted));
    }

    private static void Print(string what, double plain, double hosted) =>
        Console.WriteLine($"| {what} | {Measure.Cell(plain)} | {Measure.Cell(hosted)} | {Measure.Cell(hosted / plain)} |");

    private static double Rate(string kind, bool hosted)
    {
        string app = Repo.TestApp("Load");
        ChildResult result = hosted ? ChildProcess.Hosted(app, [kind]) : ChildProcess.Plain(app, [kind]);
        return double.Parse(result.StdOut.Split('\n')[0], CultureInfo.InvariantCulture);
    }

    private static double Requests(bool hosted, List<double> perCpuSecond)
    {
        using Server server = Server.Start(hosted);
        return Requests(server, perCpuSecond, 4);
    }

    private static double Requests(Server server, List<double> perCpuSecond, double seconds)
    {
        const int Connections = 32;
        Load(server, Connections, seconds / 2);
        TimeSpan cpu = server.Cpu;
        double rate = Load(server, Connections, seconds);
        perCpuSecond.Add(rate * seconds / (server.Cpu - cpu).TotalSeconds);
        return rate;
    }

    private static double Load(Server server, int connections, double seconds)
    {
        int done = 0;
        Stopwatch clock = Stopwatch.StartNew();
        Task.WaitAll([.. Enumerable.Range(0, connections).Select(async _ =>
        {
            while (clock.Elapsed.TotalSeconds < seconds)
            {
                await server.Client.GetStringAsync("text").ConfigureAwait(false);
                Interlocked.Increment(ref done);
            }
        })]);
        return done / clock.Elapsed.TotalSeconds;
    }
}
