using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// What a blocked thread waits for. The innermost frames tell which kind of thing that is, the objects on its stack which one: the
/// innermost of that type, and for a Monitor the innermost that somebody else holds. The debugging library tells neither directly.
/// </summary>
internal static class WaitTargets
{
    /// <summary>A walk of one stack's roots takes up to a millisecond; beyond this many none is made.</summary>
    public const int MaxLookups = 256;

    private const int MaxRoots = 200;
    private const int MaxFrames = 8;
    private const string Monitor = "";
    private const string Any = "*";

    // Which frames mean which kind of thing, of which type (or derived from it). The first row that fits counts: a Task waits by means of
    // an event, a CountdownEvent too, a semaphore by means of a Monitor.
    private static readonly (string Frame, string Kind, string Type)[] s_kinds =
    [
        ("System.Threading.Monitor.Enter", "lock", Monitor),
        ("System.Threading.Monitor.ReliableEnter", "lock", Monitor),
        ("System.Threading.Monitor.TryEnter", "lock", Monitor),
        ("System.Threading.Lock.", "lock", "System.Threading.Lock"),
        ("System.Threading.ReaderWriterLockSlim.", "lock", "System.Threading.ReaderWriterLockSlim"),
        ("System.Threading.Tasks.Task", "task", "System.Threading.Tasks.Task"),
        ("System.Net.Sockets.", "socket", "System.Net.Sockets.SafeSocketHandle"),
        ("System.Threading.Thread.Join", "thread", "System.Threading.Thread"),
        ("System.Threading.SemaphoreSlim.", "semaphore", "System.Threading.SemaphoreSlim"),
        ("System.Threading.Barrier.", "event", "System.Threading.Barrier"),
        ("System.Threading.CountdownEvent.", "event", "System.Threading.CountdownEvent"),
        ("System.Threading.ManualResetEventSlim.", "event", "System.Threading.ManualResetEventSlim"),
        ("System.Threading.WaitHandle.Wait", "event", "System.Threading.WaitHandle"),
        ("System.Threading.Monitor.Wait", "condition", Any),
    ];

    /// <summary>Null if it waits for none of these, or that can't be told.</summary>
    public static WaitTarget? Find(ClrThread thread, IReadOnlyList<FrameSnapshot> frames, Func<uint, long> goroutineOf, SocketAddresses sockets)
    {
        (string frame, string kind, string wanted) = KindOf(frames);
        if (frame == null)
        {
            return null;
        }

        foreach (ClrStackRoot root in thread.EnumerateStackRoots().Take(MaxRoots))
        {
            ClrObject o = root.Object;
            if (!o.IsValid || o.Type is not ClrType type || !(wanted switch { Monitor => true, Any => o.SyncBlock != null, _ => Is(type, wanted) }))
            {
                continue;
            }

            WaitTarget target = new(type.Name ?? "", o.Address, 0, 0) { Kind = kind == "event" && Is(type, "System.Threading.Semaphore") ? "semaphore" : kind == "event" && Is(type, "System.Threading.Mutex") ? "lock" : kind };
            if (kind == "socket")
            {
                int descriptor = (int)(o.Type.GetFieldByName("handle")?.Read<nint>(o.Address, interior: false) ?? -1);
                (string Local, string? Remote)? addresses = sockets.Find(descriptor);
                return target with { Descriptor = descriptor, Local = addresses?.Local, Remote = addresses?.Remote };
            }

            if (kind != "lock")
            {
                return target;
            }

            ClrThread? owner = wanted == Monitor ? Owner(thread.Runtime, o) : wanted == "System.Threading.Lock" ? LockOwner(thread.Runtime, o) : null;
            if (owner != null && owner.Address != thread.Address)
            {
                return target with { OwnerThread = owner.OSThreadId, OwnerGoroutine = goroutineOf(owner.OSThreadId) };
            }

            if (wanted != Monitor)
            {
                return target;
            }
        }

        return null;
    }

    /// <summary>
    /// The wait reason of a thread of which the scheduler only saw that it was in native code: it may have lost its P on the way into
    /// the wait. Null if the frames tell none.
    /// </summary>
    public static string? Reason(IReadOnlyList<FrameSnapshot> frames) => KindOf(frames) switch
    {
        (_, "socket", _) => "IO wait",
        (_, "lock", Monitor or "System.Threading.Lock") => "monitor enter",
        _ => null,
    };

    private static (string Frame, string Kind, string Type) KindOf(IReadOnlyList<FrameSnapshot> frames) =>
        s_kinds.FirstOrDefault(k => frames.Take(MaxFrames).Any(f => f.Method.StartsWith(k.Frame, StringComparison.Ordinal)));

    private static bool Is(ClrType type, string name)
    {
        for (ClrType? t = type; t != null; t = t.BaseType)
        {
            if (t.Name == name)
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

    // The id is the system's since .NET 10; it was the managed one before.
    private static ClrThread? LockOwner(ClrRuntime runtime, ClrObject o)
    {
        uint owner = o.Type?.GetFieldByName("_owningThreadId")?.Read<uint>(o.Address, interior: false) ?? 0;
        return owner == 0 ? null : runtime.Threads.FirstOrDefault(t => t.OSThreadId == owner) ?? runtime.Threads.FirstOrDefault(t => t.ManagedThreadId == owner);
    }
}
