using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What a look at a live program costs: <c>ilpreempt dump</c> of TestApps/EveryState, where a thousand goroutines wait for one semaphore and
/// some compute all the time, read by each way. The goals: a second for the command; 50 ms (socket) and 300 ms (ptrace) for the program.
/// </summary>
internal static partial class DumpTime
{
    public static int Run(string[] args)
    {
        int rounds = args.Contains("--quick") ? 3 : 9;
        Console.WriteLine($"{"Ps",-4}{"read by",-10}{"ms",8}{"most",8}{"CPU ms",8}{"stood still ms",16}{"most",8}");
        foreach (string procs in (string[])["1", "2"])
        {
            using Process program = Start(procs);
            try
            {
                foreach (string way in (string[])["socket", "attach"])
                {
                    Print(procs, way, rounds, program.Id);
                }
            }
            finally
            {
                program.Kill();
                program.WaitForExit();
            }
        }

        return 0;
    }

    private static void Print(string procs, string way, int rounds, int pid)
    {
        List<Cost> costs = [];
        List<double> stops = [];
        for (int i = 0; i < rounds; i++)
        {
            double cpu = Processes.ChildrenCpuMs();
            ChildResult result = ChildProcess.Run(Repo.IlPreempt, ["dump", "--via", way, pid.ToString(CultureInfo.InvariantCulture)]);
            if (result.ExitCode != 0)
            {
                Console.WriteLine($"{procs,-4}{way,-10}{result.StdErr.Trim()}");
                return;
            }

            costs.Add(new Cost(result.Elapsed.TotalMilliseconds, Processes.ChildrenCpuMs() - cpu));
            stops.Add(double.Parse(StoodStill().Match(result.StdOut + result.StdErr).Groups[1].Value, CultureInfo.InvariantCulture));
        }

        Cost median = Cost.Median(costs);
        Console.WriteLine($"{procs,-4}{way,-10}{median.Wall,8:F0}{costs.Max(c => c.Wall),8:F0}{median.Cpu,8:F0}{Measure.Median(stops),16:F1}{stops.Max(),8:F1}");
    }

    // The host becomes the program, so the process is the one to look at.
    private static Process Start(string procs)
    {
        Process program = Process.Start(new ProcessStartInfo(Repo.IlPreempt, ["run", "--maxprocs", procs, Repo.TestApp("EveryState"), "1000"]) { RedirectStandardOutput = true })!;
        while (program.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith("ready ", StringComparison.Ordinal))
            {
                return program;
            }
        }

        throw new InvalidOperationException("EveryState did not start.");
    }

    [GeneratedRegex(@"stood still for ([\d.,]+) ms")]
    private static partial Regex StoodStill();
}
