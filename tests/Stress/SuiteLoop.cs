using System.Diagnostics;
using ILPreempt.TestUtils;

namespace ILPreempt.Stress;

/// <summary>Runs a test project again and again beside a process that wants CPUs too; stops at the first failure.</summary>
internal static class SuiteLoop
{
    public static int Run(string project, int runs, int load, ulong? seed)
    {
        using Process other = Process.Start(new ProcessStartInfo(Repo.Dotnet, [typeof(SuiteLoop).Assembly.Location, "burn", $"{Environment.ProcessId}", $"{load}"]))!;
        try
        {
            for (int run = 1; run <= runs; run++)
            {
                string? stress = seed is { } first ? $"0:{(first + (ulong)run - 1) % int.MaxValue}" : null;
                ChildResult result = ChildProcess.Run(
                    Repo.Dotnet,
                    ["test", Path.Combine(Repo.Root, "tests", project), "-c", Repo.Configuration, "--no-build"],
                    new ChildOptions { Timeout = TimeSpan.FromMinutes(30), Environment = new Dictionary<string, string?> { ["ILPREEMPT_STRESS"] = stress } });
                if (result.ExitCode != 0)
                {
                    Console.WriteLine($"run {run} of {runs} failed (ILPREEMPT_STRESS={stress}): {result}");
                    return 1;
                }

                Console.WriteLine($"run {run} of {runs}: green in {result.Elapsed.TotalSeconds:0} s");
            }

            return 0;
        }
        finally
        {
            other.Kill();
        }
    }

    /// <summary>The load: busy threads, as long as the parent lives.</summary>
    public static int Burn(int parent, int threads)
    {
        for (int i = 0; i < threads; i++)
        {
            new Thread(() =>
            {
                for (ulong x = 1; ; x = (x * 6364136223846793005) + 1)
                {
                    GC.KeepAlive(null);
                }
            })
            { IsBackground = true }.Start();
        }

        Process.GetProcessById(parent).WaitForExit();
        return 0;
    }
}
