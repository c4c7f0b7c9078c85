using BenchmarkDotNet.Attributes;
using ILPreempt.Runtime;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Benchmarks.Micro;

/// <summary>From one goroutine to another, and what the ways there are made of.</summary>
public class Switching
{
    private const int Rounds = 2_000;

    private readonly G _g = new(0, 0, null);

    /// <summary>Two goroutines that ready each other and park by turns, on one P.</summary>
    [Benchmark(OperationsPerInvoke = 2 * Rounds)]
    public void ReadyAndPark()
    {
        Turn there = new(), back = new();
        Together(
            () => Times(() => { there.Post(); back.Wait(); }),
            () => Times(() => { there.Wait(); back.Post(); }));
    }

    /// <summary>Two goroutines that yield.</summary>
    [Benchmark(OperationsPerInvoke = 2 * Rounds)]
    public void Yield() => Together(() => Times(Goroutine.Yield), () => Times(Goroutine.Yield));

    /// <summary>A goroutine alone announces a wait and that it is over, without waiting.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public void BlockingEnterAndExit() => Together(() => Times(() =>
    {
        Blocking.Enter((int)WaitReason.TaskWait);
        Blocking.Exit();
    }));

    /// <summary>The same for a call that tells that it will not wait.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public void BlockingMarkAndUnmark() => Together(() => Times(() =>
    {
        Blocking.Mark((int)WaitReason.TaskWait);
        Blocking.Unmark();
    }));

    /// <summary>One checked transition of a goroutine's state.</summary>
    [Benchmark(OperationsPerInvoke = 2 * Rounds)]
    public void CasStatus()
    {
        if (_g.Status == GStatus.Idle)
        {
            _g.CasStatus(GStatus.Idle, GStatus.Runnable);
        }

        for (int i = 0; i < Rounds; i++)
        {
            _g.CasStatus(GStatus.Runnable, GStatus.Running);
            _g.CasStatus(GStatus.Running, GStatus.Runnable);
        }
    }

    private static void Times(Action body)
    {
        for (int i = 0; i < Rounds; i++)
        {
            body();
        }
    }

    private static void Together(params Action[] bodies)
    {
        using CountdownEvent left = new(bodies.Length);
        foreach (Action body in bodies)
        {
            Goroutine.Start(() =>
            {
                body();
                left.Signal();
            });
        }

        left.Wait();
    }

    /// <summary>A semaphore of one permit for one waiter. Its state: null, posted, or the goroutine that waits.</summary>
    private sealed class Turn
    {
        private static readonly object s_posted = new();
        private object? _state;

        internal void Post()
        {
            if (Interlocked.CompareExchange(ref _state, s_posted, null) is G g)
            {
                _state = null;
                Scheduler.GoReady(g);
            }
        }

        internal void Wait() => Scheduler.GoPark(static (g, turn) => ((Turn)turn!).MustWait(g), this, WaitReason.SemAcquire);

        private bool MustWait(G g)
        {
            if (Interlocked.CompareExchange(ref _state, g, null) is null)
            {
                return true;
            }

            _state = null;
            return false;
        }
    }
}
