using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

// A silo and a client of it in one process; they talk over loopback sockets, with the messages serialised.
int siloPort = FreePort();
int gatewayPort = FreePort();
using IHost silo = new HostBuilder()
    .ConfigureLogging(logging => logging.ClearProviders())
    .UseOrleans(builder => builder
        .UseLocalhostClustering(siloPort, gatewayPort)
        .AddMemoryGrainStorageAsDefault()
        .Configure<EndpointOptions>(options => options.AdvertisedIPAddress = IPAddress.Loopback))
    .Build();
await silo.StartAsync();
using IHost clientHost = new HostBuilder()
    .ConfigureLogging(logging => logging.ClearProviders())
    .UseOrleansClient(builder => builder.UseLocalhostClustering(gatewayPort))
    .Build();
await clientHost.StartAsync();
IClusterClient client = clientHost.Services.GetRequiredService<IClusterClient>();
int generation = 0;

int code = await Rounds.Run(args, async () =>
{
    string name = $"account{generation++}-";
    IAccount[] accounts = [.. Enumerable.Range(0, 50).Select(i => client.GetGrain<IAccount>(name + i))];
    await Task.WhenAll(accounts.Select(a => a.Deposit(1000)));
    await Task.WhenAll(Enumerable.Range(0, 500).Select(i => accounts[i % 50].Transfer(accounts[(i * 7 + 1) % 50], i % 13)));
    await Task.WhenAll(accounts.Select(a => a.Save()));
    long[] balances = await Task.WhenAll(accounts.Select(a => a.Balance()));
    string[] refused = await Task.WhenAll(accounts.Take(5).Select(async a =>
    {
        try
        {
            await a.Transfer(accounts[0], 1_000_000);
            return "allowed";
        }
        catch (InvalidOperationException e)
        {
            return e.Message;
        }
    }));
    int items = 0;
    await foreach (int item in accounts[0].History())
    {
        items++;
    }

    return $"sum {balances.Sum()}, balances {Rounds.Sum(string.Join(' ', balances))}\nrefused {string.Join(", ", refused.Distinct())}\nhistory {items}";
});
await clientHost.StopAsync();
await silo.StopAsync();
return code;

static int FreePort()
{
    using TcpListener listener = new(IPAddress.Loopback, 0);
    listener.Start();
    return ((IPEndPoint)listener.LocalEndpoint).Port;
}

public interface IAccount : IGrainWithStringKey
{
    Task Deposit(long amount);

    Task Transfer(IAccount to, long amount);

    Task<long> Balance();

    Task Save();

    IAsyncEnumerable<int> History();
}

[GenerateSerializer]
public sealed class AccountState
{
    [Id(0)]
    public long Balance { get; set; }

    [Id(1)]
    public int Changes { get; set; }
}

[Orleans.Concurrency.Reentrant]
public sealed class Account([PersistentState("account")] IPersistentState<AccountState> state) : Grain, IAccount
{
    public Task Deposit(long amount)
    {
        state.State.Balance += amount;
        state.State.Changes++;
        return Task.CompletedTask;
    }

    public Task Save() => state.WriteStateAsync();

    public async Task Transfer(IAccount to, long amount)
    {
        if (state.State.Balance < amount)
        {
            throw new InvalidOperationException("too little");
        }

        await Deposit(-amount);
        await to.Deposit(amount);
    }

    public Task<long> Balance() => Task.FromResult(state.State.Balance);

    public async IAsyncEnumerable<int> History()
    {
        for (int i = 0; i < 10; i++)
        {
            await Task.Yield();
            yield return i;
        }
    }
}
