using BenchmarkDotNet.Attributes;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Benchmarks.Micro;

/// <summary>The heap of a P's timers.</summary>
public class Timers
{
    private readonly TimerHeap _heap = new();
    private SchedTimer[] _timers = [];

    /// <summary>How many are in the heap at once.</summary>
    [Params(16, 1024)]
    public int Count { get; set; }

    /// <summary>Timers that do nothing.</summary>
    [GlobalSetup]
    public void Setup() => _timers = [.. Enumerable.Range(0, Count).Select(_ => new SchedTimer(static _ => { }, this))];

    /// <summary>Adds all in a scattered order and runs all.</summary>
    [Benchmark(Description = "AddAndRun, all")]
    public void AddAndRun()
    {
        for (int i = 0; i < _timers.Length; i++)
        {
            _heap.Add(_timers[i], 1 + ((i * 7919L) % _timers.Length));
        }

        _heap.RunDue(long.MaxValue);
    }

    /// <summary>Adds one to a heap of none and takes it out.</summary>
    [Benchmark]
    public bool AddAndRemove()
    {
        _heap.Add(_timers[0], 1);
        return _heap.Remove(_timers[0]);
    }
}
