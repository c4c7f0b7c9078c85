using ILPreempt.Diagnostics.Attach;

namespace ILPreempt.Diagnostics.Trace;

/// <summary>A method and how many slices ended in it.</summary>
/// <param name="Method">Its signature.</param>
/// <param name="Slices">How many.</param>
public sealed record SliceUse(string Method, int Slices)
{
    private const string Unknown = "(native or unknown code)";

    /// <summary>Names the code in which the slices of a recording of a live process ended; most slices first.</summary>
    /// <exception cref="AttachException">The process has ended, or ptrace is refused.</exception>
    public static IReadOnlyList<SliceUse> Read(TraceLog log)
    {
        ArgumentNullException.ThrowIfNull(log);
        IReadOnlyDictionary<ulong, int> ends = log.SliceEnds();
        return ends.Count == 0 ? [] : [.. ends
            .Zip(Names(log.ProcessId, [.. ends.Keys]), (end, name) => new SliceUse(name, end.Value))
            .GroupBy(use => use.Method)
            .Select(method => new SliceUse(method.Key, method.Sum(use => use.Slices)))
            .OrderByDescending(use => use.Slices)
            .ThenBy(use => use.Method, StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Names(int processId, ulong[] addresses) =>
        ProcessReader.Describe(processId, addresses, isReturnAddress: _ => false).Select(code => code?.Method ?? Unknown);
}
