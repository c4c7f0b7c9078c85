using Library;

using Timer end = new(_ => Work.Stop = true, null, 50, Timeout.Infinite);
Work.Spin();

// The scheduler's own thread has a name; threads may end while they are looked at.
int monitors = Directory.GetDirectories("/proc/self/task").Count(task =>
{
    try
    {
        return File.ReadAllText(task + "/comm").StartsWith("ILPreempt", StringComparison.Ordinal);
    }
    catch (IOException)
    {
        return false;
    }
});
Console.WriteLine($"goroutine {ILPreempt.Runtime.Goroutine.CurrentId}, monitors {monitors}");
