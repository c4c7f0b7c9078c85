using BenchmarkDotNet.Attributes;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Benchmarks.Micro;

/// <summary>The run queues: what a goroutine costs on its way in and out.</summary>
public class Queues
{
    private readonly GlobalRunQueue _global = new();
    private readonly LocalRunQueue _queue = new();
    private readonly LocalRunQueue _thief = new();
    private readonly G[] _gs = [.. Enumerable.Range(0, 128).Select(i => new G(i, 0, null))];

    /// <summary>In at the tail, out at the head.</summary>
    [Benchmark(OperationsPerInvoke = 128)]
    public void PutAndGet()
    {
        foreach (G g in _gs)
        {
            _queue.Put(g, next: false, _global);
        }

        while (_queue.Get(out _) is not null)
        {
        }
    }

    /// <summary>By runnext.</summary>
    [Benchmark(OperationsPerInvoke = 128)]
    public void PutAndGetNext()
    {
        foreach (G g in _gs)
        {
            _queue.Put(g, next: true, _global);
            _queue.Get(out _);
        }
    }

    /// <summary>128 in, taken out by halves by a thief.</summary>
    [Benchmark(OperationsPerInvoke = 128)]
    public void PutAndSteal()
    {
        foreach (G g in _gs)
        {
            _queue.Put(g, next: false, _global);
        }

        while (_queue.StealInto(_thief, stealRunNext: false, victimRuns: false) is not null)
        {
            while (_thief.Get(out _) is not null)
            {
            }
        }
    }

    /// <summary>The global queue, with its lock.</summary>
    [Benchmark(OperationsPerInvoke = 128)]
    public void GlobalPutAndGet()
    {
        foreach (G g in _gs)
        {
            _global.Lock.Lock();
            _global.Put_NeedsLock(g);
            _global.Lock.Unlock();
        }

        foreach (G _ in _gs)
        {
            _global.Lock.Lock();
            _global.Get_NeedsLock(null, 1, 1);
            _global.Lock.Unlock();
        }
    }
}
