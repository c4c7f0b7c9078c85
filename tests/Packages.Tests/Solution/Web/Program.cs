using ILPreempt.Runtime;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.Logging.ClearProviders();
await using WebApplication app = builder.Build();
bool stop = false;
app.MapGet("/ping", () => "pong");
app.MapGet("/spin", () =>
{
    long n = 0;
    while (!Volatile.Read(ref stop) || Goroutine.CurrentId == 0)
    {
        n++;
    }

    return "spun";
});
await app.StartAsync();

// More requests that compute than there are workers. They become goroutines, which none does unwoven, and leave the pool: the pings are
// answered.
using HttpClient client = new() { BaseAddress = new Uri(app.Urls.First()) };
Task<string>[] spins = [.. Enumerable.Range(0, 8).Select(_ => client.GetStringAsync("/spin"))];
for (int i = 0; i < 10; i++)
{
    await client.GetStringAsync("/ping");
}

Volatile.Write(ref stop, true);
Console.WriteLine(string.Join(' ', (await Task.WhenAll(spins)).Distinct()));
