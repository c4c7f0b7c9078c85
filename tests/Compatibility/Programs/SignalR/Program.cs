using System.Threading.Channels;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;

// Twenty clients over WebSockets: calls, group messages to everybody, streams in both directions, an error of the hub.
WebApplicationBuilder builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.Services.AddSignalR();
await using WebApplication app = builder.Build();
app.MapHub<Room>("/room");
await app.StartAsync();
string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>().Addresses.Single();

int code = await Rounds.Run(args, async () =>
{
    const int Clients = 20;
    const int Words = 20;
    List<HubConnection> clients = [];
    int[] heard = new int[Clients];
    TaskCompletionSource all = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int total = 0;
    for (int i = 0; i < Clients; i++)
    {
        int me = i;
        HubConnection connection = new HubConnectionBuilder().WithUrl(address + "/room").Build();
        connection.On<string>("Said", word =>
        {
            heard[me] += word.Length;
            if (Interlocked.Increment(ref total) == Clients * Clients * Words)
            {
                all.SetResult();
            }
        });
        clients.Add(connection);
    }

    await Task.WhenAll(clients.Select(c => c.StartAsync()));
    await Task.WhenAll(clients.Select(c => c.InvokeAsync("Enter", "all")));
    await Task.WhenAll(clients.Select(async (c, i) =>
    {
        for (int j = 0; j < Words; j++)
        {
            await c.InvokeAsync("Say", "all", $"{i:D3}.{j:D3}");
        }
    }));
    await all.Task.WaitAsync(TimeSpan.FromSeconds(60));
    int[] sums = await Task.WhenAll(clients.Select(async c =>
    {
        int sum = 0;
        await foreach (int n in c.StreamAsync<int>("Count", 50))
        {
            sum += n;
        }

        return sum;
    }));
    int[] uploads = await Task.WhenAll(clients.Select(c => c.InvokeAsync<int>("Add", Numbers())));
    string error;
    try
    {
        await clients[0].InvokeAsync("Fail");
        error = "none";
    }
    catch (HubException e)
    {
        error = e.Message;
    }

    await Task.WhenAll(clients.Select(c => c.DisposeAsync().AsTask()));
    return $"heard {string.Join(' ', heard)}\nsums {sums.Sum()}\nuploads {uploads.Sum()}\nerror {error}";
});
await app.StopAsync();
return code;

static async IAsyncEnumerable<int> Numbers()
{
    for (int i = 0; i < 30; i++)
    {
        await Task.Yield();
        yield return i;
    }
}

sealed class Room : Hub
{
    public Task Enter(string group) => Groups.AddToGroupAsync(Context.ConnectionId, group);

    public Task Say(string group, string word) => Clients.Group(group).SendAsync("Said", word);

    public ChannelReader<int> Count(int to)
    {
        Channel<int> channel = Channel.CreateBounded<int>(5);
        _ = Task.Run(async () =>
        {
            for (int i = 1; i <= to; i++)
            {
                await channel.Writer.WriteAsync(i);
            }

            channel.Writer.Complete();
        });
        return channel.Reader;
    }

    public async Task<int> Add(IAsyncEnumerable<int> numbers)
    {
        int sum = 0;
        await foreach (int n in numbers)
        {
            sum += n;
        }

        return sum;
    }

    public Task Fail() => throw new HubException("refused");
}
