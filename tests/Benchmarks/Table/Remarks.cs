namespace ILPreempt.Benchmarks.Table;

/// <summary>
/// Why a figure is behind an anchor and what would change it, keyed by row; a key without its last part speaks for all rows of the subject.
/// Printed only where the run says that the row is behind.
/// </summary>
internal static class Remarks
{
    private static readonly Dictionary<string, string> s_dotnet = new()
    {
        ["create-goroutine"] = "A goroutine gets a thread when it starts and is a record in three lists; a Task.Run body is one object in a queue of the pool's worker. Threads for those goroutines only that block (detached ones) would change it.",
    };

    private static readonly Dictionary<string, string> s_go = new()
    {
        ["create-goroutine"] = "As against tasks: a start binds a goroutine to an OS thread.",
    };

    public static string? For(Row row, Column anchor)
    {
        Dictionary<string, string> remarks = anchor == Column.Go ? s_go : s_dotnet;
        return remarks.GetValueOrDefault(row.Key) ?? remarks.GetValueOrDefault(row.Key.Split('/')[0]);
    }
}
