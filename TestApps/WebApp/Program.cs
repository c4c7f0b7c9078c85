// A minimal API on a loopback port that the system gives; it prints the port and ends on SIGTERM.
using System.Reflection;
using Newtonsoft.Json.Linq;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.Services.AddSingleton<Counter>();
builder.Services.AddHostedService<Worker>();
WebApplication app = builder.Build();
app.MapGet("/plaintext", () => "Hello, World!");
app.MapGet("/json", () => new { message = "hello", numbers = Enumerable.Range(0, 5) });
app.MapGet("/work/{n:int}", (int n) =>
{
    long sum = 0;
    for (int i = 0; i < n; i++) { sum += i % 7; }
    return sum.ToString();
});
app.MapGet("/async", async () =>
{
    await Task.Delay(2);
    return await Task.Run(() => "later");
});
app.MapGet("/blocking", () => Task.Run(async () => { await Task.Delay(2); return "blocked"; }).Result);
app.MapGet("/newton", () => new JArray(Enumerable.Range(0, 20).Select(i => new JObject { ["i"] = i })).ToString(Newtonsoft.Json.Formatting.None));
app.MapPost("/echo", async (HttpRequest request) => { using StreamReader r = new(request.Body); return (await r.ReadToEndAsync()).ToUpperInvariant(); });
app.MapGet("/count", (Counter c) => c.Next());
app.MapGet("/throw", IResult () => throw new InvalidOperationException("wanted failure"));
app.MapGet("/worker", async (Counter c) => { await c.Worked; return "worked"; });
app.MapGet("/info", (IWebHostEnvironment e) => $"{e.ApplicationName} {e.EnvironmentName} {e.ContentRootPath} {AppContext.BaseDirectory} {Assembly.GetEntryAssembly().Location}");
app.Lifetime.ApplicationStopped.Register(() => Console.WriteLine("stopped"));
app.Run();
Console.WriteLine("after Run");

class Counter
{
    readonly TaskCompletionSource _worked = new();
    int _n;
    public int Next() => Interlocked.Increment(ref _n);
    public Task Worked => _worked.Task;
    public void Done() => _worked.TrySetResult();
}

class Worker(Counter counter) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stop)
    {
        using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(5));
        for (int i = 0; await timer.WaitForNextTickAsync(stop); i++)
        {
            if (i == 3) { counter.Done(); }
        }
    }
}
