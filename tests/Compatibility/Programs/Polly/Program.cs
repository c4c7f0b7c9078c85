using System.Collections.Concurrent;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

// Retries, time limits, a circuit breaker, a hedge and a limit on how many at once.
return await Rounds.Run(args, async () =>
{
    ConcurrentDictionary<int, int> tries = new();
    ResiliencePipeline<int> pipeline = new ResiliencePipelineBuilder<int>()
        .AddRetry(new RetryStrategyOptions<int> { MaxRetryAttempts = 3, Delay = TimeSpan.FromMilliseconds(2), BackoffType = DelayBackoffType.Exponential, ShouldHandle = new PredicateBuilder<int>().Handle<InvalidOperationException>() })
        .AddTimeout(TimeSpan.FromSeconds(30))
        .Build();
    int[] values = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => pipeline.ExecuteAsync(async token =>
    {
        await Task.Yield();
        return tries.AddOrUpdate(i, 1, (_, n) => n + 1) <= i % 4 ? throw new InvalidOperationException() : i;
    }).AsTask()));
    ResiliencePipeline breaker = new ResiliencePipelineBuilder().AddCircuitBreaker(new CircuitBreakerStrategyOptions { MinimumThroughput = 5, FailureRatio = 0.5, BreakDuration = TimeSpan.FromMinutes(5) }).Build();
    List<string> broken = [];
    for (int i = 0; i < 8; i++)
    {
        try
        {
            breaker.Execute(() => throw new FormatException());
        }
        catch (Exception e)
        {
            broken.Add(e.GetType().Name);
        }
    }

    string late = "none";
    try
    {
        await new ResiliencePipelineBuilder().AddTimeout(TimeSpan.FromMilliseconds(20)).Build().ExecuteAsync(async token => await Task.Delay(Timeout.Infinite, token));
    }
    catch (TimeoutRejectedException e)
    {
        late = e.GetType().Name;
    }

    IAsyncPolicy old = Policy.BulkheadAsync(4, 1000).WrapAsync(Policy.Handle<ArgumentException>().WaitAndRetryAsync(2, _ => TimeSpan.FromMilliseconds(1)));
    int inside = 0;
    int most = 0;
    await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => old.ExecuteAsync(async () =>
    {
        int now = Interlocked.Increment(ref inside);
        most = Math.Max(most, now);
        await Task.Delay(1);
        Interlocked.Decrement(ref inside);
    })));
    return $"values {values.Sum()}, tries {tries.Values.Sum()}\nbroken {string.Join(' ', broken)}\nlate {late}\nmost {most <= 4}";
});
