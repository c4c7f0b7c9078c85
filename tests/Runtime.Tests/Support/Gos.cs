using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;
using Xunit;

// One scheduler per process: tests that change the number of Ps or count goroutines can't share it.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace ILPreempt.Runtime.Tests.Support;

/// <summary>What the tests need to act as woven goroutines: a check, a set of goroutines to wait for, a number of Ps.</summary>
internal static class Gos
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    /// <summary>The check that the weaver would have put here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Check()
    {
        if (Volatile.Read(ref StackGuard.Poll) != 0)
        {
            StackGuard.MoreStack();
        }
    }

    /// <summary>
    /// Starts all, waits until all have ended, and fails with the scheduler's state and the first exception. Ended means dead: one that
    /// still has to return would wait for a P in the next test, which may count preemptions.
    /// </summary>
    internal static void Run(params Action[] bodies)
    {
        // Not disposed: the last Signal may still be inside it when Wait returns.
        CountdownEvent left = new(bodies.Length);
        List<G> started = new(bodies.Length);
        Exception? first = null;
        foreach (Action body in bodies)
        {
            started.Add(Scheduler.NewProc(() =>
            {
                try
                {
                    body();
                }
                catch (Exception e)
                {
                    Interlocked.CompareExchange(ref first, e, null);
                }

                left.Signal();
            }));
        }

        bool ended = left.Wait(s_limit) && SpinWait.SpinUntil(() => started.TrueForAll(g => g.Status == GStatus.Dead), s_limit);
        Assert.True(first == null, first?.ToString());
        Assert.True(ended, "goroutines hang:\n" + SchedTrace.Detail());
    }

    internal static Action[] Times(int n, Action<int> body) => [.. Enumerable.Range(0, n).Select(i => (Action)(() => body(i)))];

    /// <summary>Sets the number of Ps until disposed.</summary>
    internal static Procs WithProcs(int n) => new(n);

    internal readonly struct Procs(int n) : IDisposable
    {
        private readonly int _before = Goroutine.MaxProcs(n);

        public void Dispose() => Goroutine.MaxProcs(_before);
    }
}

/// <summary>An unbuffered channel of Go's shape on GoPark and GoReady: a sender meets a receiver, the value goes hand to hand.</summary>
internal sealed class Chan<T>
{
    private readonly RuntimeLock _lock = new("test chan");
    private readonly Queue<(G G, T Value)> _senders = new();
    private readonly Queue<(G G, Slot Slot)> _receivers = new();

    private sealed class Slot
    {
        internal T Value = default!;
    }

    internal void Send(T value)
    {
        _lock.Lock();
        if (_receivers.TryDequeue(out (G G, Slot Slot) receiver))
        {
            receiver.Slot.Value = value;
            _lock.Unlock();
            Scheduler.GoReady(receiver.G);
            return;
        }

        _senders.Enqueue((M.Current!.CurG!, value));
        Scheduler.GoPark(Unlock, _lock, WaitReason.ChanSend);
    }

    internal T Receive()
    {
        _lock.Lock();
        if (_senders.TryDequeue(out (G G, T Value) sender))
        {
            _lock.Unlock();
            Scheduler.GoReady(sender.G);
            return sender.Value;
        }

        Slot slot = new();
        _receivers.Enqueue((M.Current!.CurG!, slot));
        Scheduler.GoPark(Unlock, _lock, WaitReason.ChanReceive);
        return slot.Value;
    }

    /// <summary>Takes a waiting sender's value; false at once when nobody sends.</summary>
    internal bool TryReceive(out T value)
    {
        _lock.Lock();
        bool found = _senders.TryDequeue(out (G G, T Value) sender);
        _lock.Unlock();
        value = sender.Value;
        if (found)
        {
            Scheduler.GoReady(sender.G);
        }

        return found;
    }

    private static bool Unlock(G g, object? held)
    {
        ((RuntimeLock)held!).Unlock();
        return true;
    }
}
