using System.Collections.Concurrent;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

// Minimal APIs under load: routing, binding, filters, JSON both ways, streaming, blocking handlers, errors and compression.
WebApplicationBuilder builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.Services.AddResponseCompression();
builder.Services.AddOutputCache();
builder.Services.AddProblemDetails();
await using WebApplication app = builder.Build();
ConcurrentDictionary<int, Item> items = new();
app.UseExceptionHandler();
app.UseResponseCompression();
app.UseOutputCache();
RouteGroupBuilder api = app.MapGroup("/items").AddEndpointFilter(async (context, next) =>
    context.HttpContext.Request.Headers.ContainsKey("X-Refuse") ? Results.StatusCode(403) : await next(context));
api.MapPost("/", (Item item) => items.TryAdd(item.Id, item) ? Results.Created($"/items/{item.Id}", item) : Results.Conflict());
api.MapGet("/{id:int}", (int id) => items.TryGetValue(id, out Item item) ? Results.Ok(item) : Results.NotFound());
api.MapGet("/", (int? from, int count) => items.Values.Where(i => i.Id >= (from ?? 0)).OrderBy(i => i.Id).Take(count).ToAsyncEnumerable());
api.MapDelete("/{id:int}", (int id) => items.TryRemove(id, out _) ? Results.NoContent() : Results.NotFound());
app.MapGet("/blocking", () =>
{
    Task.Delay(5).Wait();
    return "blocked";
});
app.MapGet("/primes/{to:int}", (int to) => Enumerable.Range(2, to).Count(n => Enumerable.Range(2, (int)Math.Sqrt(n)).All(d => d >= n || n % d != 0)));
app.MapGet("/cached", () => new string('c', 5000)).CacheOutput();
app.MapGet("/throw", string () => throw new InvalidOperationException("broken"));
await app.StartAsync();
string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>().Addresses.Single();
using HttpClient client = new(new SocketsHttpHandler { AutomaticDecompression = System.Net.DecompressionMethods.All }) { BaseAddress = new Uri(address) };

int code = await Rounds.Run(args, async () =>
{
    string[] answers = await Task.WhenAll(Enumerable.Range(0, 32).Select(async user =>
    {
        List<string> said = [];
        for (int i = 0; i < 5; i++)
        {
            int id = (user * 100) + i;
            using HttpResponseMessage created = await client.PostAsJsonAsync("items", new Item(id, $"item {id}", [1, 2, i]));
            said.Add($"{created.StatusCode} {created.Headers.Location}");
            Item item = await client.GetFromJsonAsync<Item>($"items/{id}");
            said.Add($"{item.Name} {item.Numbers.Sum()}");
            said.Add(await client.GetStringAsync(i % 2 == 0 ? "blocking" : $"primes/{1000 + user}"));
            said.Add((await client.GetStringAsync("cached")).Length.ToString());
        }

        using HttpRequestMessage refused = new(HttpMethod.Get, "items/1") { Headers = { { "X-Refuse", "1" } } };
        said.Add((await client.SendAsync(refused)).StatusCode.ToString());
        said.Add((await client.GetAsync("items/99999")).StatusCode.ToString());
        using HttpResponseMessage broken = await client.GetAsync("throw");
        said.Add($"{broken.StatusCode} {broken.Content.Headers.ContentType}");
        using HttpResponseMessage malformed = await client.PostAsync("items", new StringContent("{", null, "application/json"));
        said.Add(malformed.StatusCode.ToString());
        return string.Join('\n', said);
    }));
    List<Item> listed = await client.GetFromJsonAsync<List<Item>>("items?from=100&count=50");
    for (int user = 0; user < 32; user++)
    {
        for (int i = 0; i < 5; i++)
        {
            await client.DeleteAsync($"items/{(user * 100) + i}");
        }
    }

    return $"{answers[1]}\nall {Rounds.Sum(string.Join('\n', answers))}\nlisted {listed.Count} up to {listed[^1].Id}, left {items.Count}";
});
await app.StopAsync();
return code;

internal sealed record Item(int Id, string Name, int[] Numbers);
