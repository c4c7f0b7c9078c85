// An ASP.NET Core program as users write it: /hog computes for as long as it is told, /ping answers at once, /block waits for a
// task, /async awaits, /text and /json are small answers, /counts tells what is left over. A loopback port that the
// system gives; it prints the port and ends on SIGTERM.
using System.Diagnostics;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.Logging.ClearProviders();
WebApplication app = builder.Build();
app.MapGet("/ping", () => "pong");
app.MapGet("/text", () => "Hello, World!");
app.MapGet("/json", () => new { message = "hello", numbers = new[] { 1, 2, 3 } });
app.MapGet("/async", async () => { await Task.Delay(5); return "later"; });
app.MapGet("/block", () => { Task.Delay(20).Wait(); return "blocked"; });
app.MapGet("/hog/{rounds:int}", (int rounds) => Hog(rounds).ToString());
app.MapGet("/rate", () => RoundsPerSecond());
app.MapGet("/counts", () =>
{
    GC.Collect();
    return $"{ThreadPool.ThreadCount} {Process.GetCurrentProcess().Threads.Count} {GC.GetTotalMemory(true)} {Timer.ActiveCount}";
});
app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine("listening " + app.Urls.First()));
app.Run();

// About a microsecond per round: the same work whoever runs it and however often it is stopped.
static ulong Hog(int rounds)
{
    ulong x = 88172645463325252;
    for (int i = 0; i < rounds; i++)
    {
        for (int k = 0; k < 500; k++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; }
    }
    return x;
}

static string RoundsPerSecond()
{
    for (int i = 0; i < 50; i++) { Hog(2000); }
    Stopwatch clock = Stopwatch.StartNew();
    Hog(200_000);
    return ((int)(200_000 / clock.Elapsed.TotalSeconds)).ToString();
}
