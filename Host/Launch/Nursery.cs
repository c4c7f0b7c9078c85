namespace ILPreempt.Host.Launch;

/// <summary>Memory for a process that weaves and ends: while it lasts nothing is collected.</summary>
/// <remarks>
/// Weaving builds one big graph of objects and throws it away as a whole, so every collection in between copies what is
/// still needed: a sixth of the time of a large assembly. Pages are touched only when they are used.
/// </remarks>
internal static class Nursery
{
    // Measured: weaving allocates forty times the size of its input, a third of it in large arrays.
    private const int Growth = 48;

    /// <summary>Asks for as much as weaving the files takes, up to a quarter of what the machine or container has.</summary>
    public static void Open(IEnumerable<string> files)
    {
        long wanted = files.Sum(file => File.Exists(file) ? new FileInfo(file).Length : 0) * Growth;
        long size = Math.Min(wanted, Math.Min(1 << 30, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4));
        try
        {
            _ = size > 1 << 24 && GC.TryStartNoGCRegion(size, size / 3);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or InvalidOperationException)
        {
            // Not that much, or already open: collecting is only slower.
        }
    }
}
