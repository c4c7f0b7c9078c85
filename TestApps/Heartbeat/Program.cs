// Task.Run bodies that compute, and beside them four heartbeats, each every 10 ms: Task.Delay, Timer, PeriodicTimer, Task.Run.
// Arguments: hogs, seconds. Prints for each heartbeat how many gaps, the 99th percentile and the largest in ms, then the
// rounds that the hogs did, in millions, and the CPU time.
using System.Diagnostics;
using System.Globalization;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
int hogs = args.Length > 0 ? int.Parse(args[0]) : 8;
double seconds = args.Length > 1 ? double.Parse(args[1]) : 4;
Stopwatch clock = Stopwatch.StartNew();
CancellationTokenSource stop = new();
long[] rounds = new long[hogs * 16];
Beat delay = new("delay", clock), timer = new("timer", clock), periodic = new("periodic", clock), run = new("run", clock);

Task[] beats =
[
    Task.Run(async () => { while (!stop.IsCancellationRequested) { await Task.Delay(10); delay.Mark(); } }),
    Task.Run(async () =>
    {
        using PeriodicTimer p = new(TimeSpan.FromMilliseconds(10));
        while (!stop.IsCancellationRequested && await p.WaitForNextTickAsync()) { periodic.Mark(); }
    }),
];
using Timer t = new(_ => timer.Mark(), null, 10, 10);
Thread feeder = new(() =>
{
    while (!stop.IsCancellationRequested) { Thread.Sleep(10); Task.Run(run.Mark); }
});
feeder.Start();

Task[] work = Enumerable.Range(0, hogs).Select(i => Task.Run(() =>
{
    while (clock.Elapsed.TotalSeconds < seconds) { rounds[i * 16] += Hog(1000); }
})).ToArray();
Task.WaitAll(work);
stop.Cancel();
feeder.Join();
Task.WaitAll(beats);
foreach (Beat beat in new[] { delay, timer, periodic, run }) { Console.WriteLine(beat); }
Console.WriteLine($"rounds {rounds.Sum() / 1e6:F2} cpu {Environment.CpuUsage.TotalTime.TotalMilliseconds:F0} ms");

static int Hog(int n)
{
    ulong x = 88172645463325252;
    for (int i = 0; i < n; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; }
    return x == 0 ? 0 : n;
}

class Beat(string name, Stopwatch clock)
{
    readonly List<double> _gaps = [];
    double _last = clock.Elapsed.TotalMilliseconds;

    public void Mark()
    {
        lock (_gaps)
        {
            double now = clock.Elapsed.TotalMilliseconds;
            _gaps.Add(now - _last);
            _last = now;
        }
    }

    public override string ToString()
    {
        lock (_gaps)
        {
            double[] sorted = [.. _gaps.Order()];
            return sorted.Length == 0 ? $"{name} 0" : $"{name} {sorted.Length} p99 {sorted[(int)(sorted.Length * 0.99)]:F1} max {sorted[^1]:F1}";
        }
    }
}
