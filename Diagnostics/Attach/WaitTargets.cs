using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// What a blocked thread waits for, from the objects on its stack: the innermost one whose lock somebody else holds, or the
/// innermost task. The debugging library tells neither directly.
/// </summary>
internal static class WaitTargets
{
    /// <summary>A walk of one stack's roots takes about a millisecond; beyond this many none is made.</summary>
    public const int MaxLookups = 256;

    private const int MaxRoots = 200;

    /// <summary>Null if it waits for neither, or that can't be told.</summary>
    public static WaitTarget? Find(ClrThread thread, IReadOnlyList<FrameSnapshot> frames, Func<uint, long> goroutineOf)
    {
        bool monitor = Calls(frames, "System.Threading.Monitor.Enter") || Calls(frames, "System.Threading.Monitor.ReliableEnter") || Calls(frames, "System.Threading.Monitor.TryEnter");
        bool task = !monitor && Calls(frames, "System.Threading.Tasks.Task");
        if (!monitor && !task)
        {
            return null;
        }

        foreach (ClrStackRoot root in thread.EnumerateStackRoots().Take(MaxRoots))
        {
            ClrObject o = root.Object;
            if (!o.IsValid || o.Type is not ClrType type)
            {
                continue;
            }

            if (task && IsTask(type))
            {
                return new WaitTarget(type.Name ?? "", o.Address, 0, 0);
            }

            if (monitor && Owner(thread.Runtime, o) is ClrThread owner && owner.Address != thread.Address)
            {
                return new WaitTarget(type.Name ?? "", o.Address, owner.OSThreadId, goroutineOf(owner.OSThreadId));
            }
        }

        return null;
    }

    // The waiting call is among the innermost frames.
    private static bool Calls(IReadOnlyList<FrameSnapshot> frames, string start) =>
        frames.Take(8).Any(f => f.Method.StartsWith(start, StringComparison.Ordinal));

    private static bool IsTask(ClrType type)
    {
        for (ClrType? t = type; t != null; t = t.BaseType)
        {
            if (t.Name == "System.Threading.Tasks.Task")
            {
                return true;
            }
        }

        return false;
    }

    private static ClrThread? Owner(ClrRuntime runtime, ClrObject o)
    {
        if (o.GetThinLock() is ClrThinLock thin)
        {
            return thin.Thread;
        }

        return o.SyncBlock is { IsMonitorHeld: true } block ? runtime.Threads.FirstOrDefault(t => t.Address == block.HoldingThreadAddress) : null;
    }
}
