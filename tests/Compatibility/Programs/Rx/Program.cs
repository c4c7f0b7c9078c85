using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;

// Schedulers, operators over time, subjects from many threads, errors and retries.
return await Rounds.Run(args, async () =>
{
    long sum = await Observable.Range(0, 20_000).ObserveOn(TaskPoolScheduler.Default).Where(i => i % 3 == 0).Select(i => (long)i).Scan((a, b) => a + b).LastAsync();
    IList<string> grouped = await Observable.Range(0, 1000).GroupBy(i => i % 5).SelectMany(g => g.Sum().Select(s => $"{g.Key}:{s}")).ToList();
    int ticks = await Observable.Interval(TimeSpan.FromMilliseconds(2)).Take(20).Count();
    IList<int> merged = await Observable.Merge(Enumerable.Range(0, 8).Select(i => Observable.Start(() => Enumerable.Range(0, 500 * i).Sum(), NewThreadScheduler.Default))).ToList();
    int tries = 0;
    int retried = await Observable.Defer(() => ++tries < 4 ? Observable.Throw<int>(new InvalidOperationException()) : Observable.Return(tries)).Retry(5);
    Subject<int> subject = new();
    Task<int> seen = Subject.Synchronize(subject).Buffer(7).Select(b => b.Count).Sum().ToTask();
    ISubject<int> entry = Subject.Synchronize(subject);
    await Task.WhenAll(Enumerable.Range(0, 8).Select(t => Task.Run(() =>
    {
        for (int i = 0; i < 250; i++)
        {
            entry.OnNext(i);
        }
    })));
    entry.OnCompleted();
    string late = await Observable.Never<string>().Timeout(TimeSpan.FromMilliseconds(20)).Catch((TimeoutException _) => Observable.Return("late"));
    using EventLoopScheduler loop = new();
    IList<bool> same = await Observable.Range(0, 100).ObserveOn(loop).Select(_ => Thread.CurrentThread.ManagedThreadId).Distinct().Select(_ => true).ToList();
    string zipped = string.Join(' ', await Observable.Range(1, 5).Zip(Observable.Timer(TimeSpan.Zero, TimeSpan.FromMilliseconds(1)), (a, b) => a * b).ToList());
    return $"sum {sum}\ngrouped {string.Join(' ', grouped)}\nticks {ticks}\nmerged {merged.Order().Last()}\nretried {retried}\nseen {await seen}\n{late}\nloop threads {same.Count}\nzipped {zipped}";
});
