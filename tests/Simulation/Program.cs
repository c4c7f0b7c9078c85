using System.Diagnostics;
using System.Globalization;

namespace ILPreempt.Simulation;

/// <summary>Prints the tables, the prices of single steps on this machine, or one row for a trial: dotnet run -c Release --project tests/Simulation -- WORKLOAD PROCS SIZE [SEED [WAKEUP]].</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (args is [string workload, string procs, string size, ..] && Workloads.All.ContainsKey(workload))
        {
            Console.WriteLine(Tables.Header);
            foreach (string p in procs.Split(','))
            {
                ulong seed = args.Length > 3 ? ulong.Parse(args[3], CultureInfo.InvariantCulture) : 1;
                Stopwatch clock = Stopwatch.StartNew();
                TrialResult result = Trial.Run(new TrialSetup(workload, int.Parse(p, CultureInfo.InvariantCulture), seed, int.Parse(size, CultureInfo.InvariantCulture)) { Every = 64, Warm = true, MaxLead = 2_000, Wakeup = args.Length <= 4 || args[4] != "0" });
                Console.WriteLine(Tables.Row(result));
                Console.Error.WriteLine($"{clock.ElapsedMilliseconds} ms, {result.Turns} turns, {result.Threads} threads, {result.Starts} starts, hash {result.Hash:x} {result.Failure}");
            }

            return 0;
        }

        if (args is ["tables"])
        {
            Tables.Print();
            return 0;
        }

        if (args is ["prices"])
        {
            Prices.Print();
            return 0;
        }

        Console.Error.WriteLine($"usage: tables, prices, or WORKLOAD PROCS[,PROCS] SIZE [SEED [WAKEUP]]; workloads: {string.Join(' ', Workloads.All.Keys)}");
        return 1;
    }
}
