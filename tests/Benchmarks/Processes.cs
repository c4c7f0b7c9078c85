using System.Diagnostics;
using System.Runtime.InteropServices;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>What a process costs from its start to its end.</summary>
/// <param name="Wall">Milliseconds on the wall.</param>
/// <param name="Cpu">Milliseconds of CPU of it and its children, which a busy machine stretches less.</param>
internal readonly record struct Cost(double Wall, double Cpu)
{
    public static Cost Median(IReadOnlyCollection<Cost> costs) =>
        new(costs.Select(c => c.Wall).Order().ElementAt(costs.Count / 2), costs.Select(c => c.Cpu).Order().ElementAt(costs.Count / 2));
}

/// <summary>Runs commands one at a time and measures them.</summary>
internal static class Processes
{
    /// <summary>Runs a command that has to succeed.</summary>
    public static Cost Measure(string command, params string[] arguments) => Measure(command, arguments, []);

    public static Cost Measure(string command, string[] arguments, Dictionary<string, string?> environment)
    {
        double cpu = ChildrenCpuMs();
        ChildResult result = ChildProcess.Run(command, arguments, new ChildOptions { Environment = environment });
        return result.ExitCode == 0
            ? new Cost(result.Elapsed.TotalMilliseconds, ChildrenCpuMs() - cpu)
            : throw new InvalidOperationException($"{command} {string.Join(' ', arguments)}: {result}");
    }

    /// <summary>CPU time of the children that were waited for. struct rusage begins with two timevals: user and system time.</summary>
    public static unsafe double ChildrenCpuMs()
    {
        const int RusageChildren = -1;
        long* usage = stackalloc long[18];
        Marshal.ThrowExceptionForHR(GetRUsage(RusageChildren, usage));
        return ((usage[0] + usage[2]) * 1e3) + ((usage[1] + usage[3]) * 1e-3);
    }

    [DllImport("libc", EntryPoint = "getrusage")]
    private static extern unsafe int GetRUsage(int who, long* usage);
}
