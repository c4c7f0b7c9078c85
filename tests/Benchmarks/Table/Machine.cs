using System.Globalization;
using System.Runtime.InteropServices;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks.Table;

/// <summary>Where and when it was measured.</summary>
internal sealed record Machine(
    DateTime Date, string Processor, int Processors, long MemoryMB, string Kernel, string Dotnet, string Go, string ILPreempt, bool Quick, string LoadBefore)
{
    public string LoadAfter { get; init; } = "";

    public double Seconds { get; init; }

    public static Machine Read(bool quick) => new(
        DateTime.UtcNow,
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown",
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20,
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription,
        GoPrograms.Version,
        ChildProcess.Run(Repo.IlPreempt, ["--version"]).StdOut.Trim(),
        quick,
        Load());

    /// <summary>The load average of the last minute: who else was there.</summary>
    public static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Date:yyyy-MM-dd HH:mm} UTC, {Processor}, {Processors} processors, {MemoryMB} MB; {Kernel}; {Dotnet}; {(Go == "-" ? "no Go" : Go)}; ILPreempt {ILPreempt}. Load average {LoadBefore} before and {LoadAfter} after; {Seconds:F0} s{(Quick ? "; one round each (--quick), so no spread" : "")}.");
}
