using System.Threading.Tasks.Dataflow;

// A graph of blocks with bounds, parallelism, batches, joins, and a fault that goes through it.
return await Rounds.Run(args, async () =>
{
    TransformManyBlock<int, int> source = new(n => Enumerable.Range(0, n), new() { BoundedCapacity = 4 });
    TransformBlock<int, long> work = new(Collatz, new() { MaxDegreeOfParallelism = 4, BoundedCapacity = 64, EnsureOrdered = true });
    BatchBlock<long> batches = new(100, new() { BoundedCapacity = 200 });
    BroadcastBlock<long[]> both = new(b => b);
    List<long> sums = [];
    ActionBlock<long[]> sum = new(b => sums.Add(b.Sum()));
    int counted = 0;
    ActionBlock<long[]> count = new(async b =>
    {
        await Task.Yield();
        Interlocked.Add(ref counted, b.Length);
    }, new() { MaxDegreeOfParallelism = 3 });
    DataflowLinkOptions on = new() { PropagateCompletion = true };
    source.LinkTo(work, on);
    work.LinkTo(batches, on);
    batches.LinkTo(both, on);
    both.LinkTo(sum, on);
    both.LinkTo(count, on);
    for (int i = 0; i < 10; i++)
    {
        await source.SendAsync(1000 + i);
    }

    source.Complete();
    await Task.WhenAll(sum.Completion, count.Completion);

    JoinBlock<int, string> join = new();
    ActionBlock<Tuple<int, string>> joined = new(t => counted += t.Item1 + t.Item2.Length);
    join.LinkTo(joined, on);
    for (int i = 0; i < 500; i++)
    {
        join.Target1.Post(i);
        join.Target2.Post(new string('x', i % 5));
    }

    join.Complete();
    await joined.Completion;
    TransformBlock<int, int> failing = new(i => 100 / (i - 5));
    ActionBlock<int> after = new(_ => { });
    failing.LinkTo(after, on);
    for (int i = 0; i < 10; i++)
    {
        failing.Post(i);
    }

    string fault;
    try
    {
        await after.Completion;
        fault = "none";
    }
    catch (AggregateException e)
    {
        fault = e.GetBaseException().GetType().Name;
    }

    return $"batches {sums.Count}, sum {sums.Sum()}, {Rounds.Sum(string.Join(' ', sums))}\ncounted {counted}\nfault {fault}";
});

static long Collatz(int n)
{
    long steps = 0;
    for (long x = n + 1; x != 1; steps++)
    {
        x = x % 2 == 0 ? x / 2 : (3 * x) + 1;
    }

    return steps;
}
