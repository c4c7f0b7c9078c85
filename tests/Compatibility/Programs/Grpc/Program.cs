using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Shop;

// All four kinds of call, many at once over one HTTP/2 connection, with deadlines, cancellation and errors.
WebApplicationBuilder builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.Services.AddGrpc();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, o => o.Protocols = HttpProtocols.Http2));
await using WebApplication app = builder.Build();
app.MapGrpcService<TillService>();
await app.StartAsync();
string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>().Addresses.Single();
using GrpcChannel channel = GrpcChannel.ForAddress(address);
Till.TillClient client = new(channel);

int code = await Rounds.Run(args, async () =>
{
    double[] prices = await Task.WhenAll(Enumerable.Range(1, 200).Select(async i => (await client.PriceAsync(Basket(i % 20 + 1))).Sum));
    int[] lines = await Task.WhenAll(Enumerable.Range(1, 20).Select(async i =>
    {
        using AsyncServerStreamingCall<Line> call = client.Receipt(Basket(i * 5));
        int count = 0;
        await foreach (Line line in call.ResponseStream.ReadAllAsync())
        {
            count += line.Count;
        }

        return count;
    }));
    Bill[] totals = await Task.WhenAll(Enumerable.Range(1, 20).Select(async i =>
    {
        using AsyncClientStreamingCall<Line, Bill> call = client.Total();
        foreach (Line line in Basket(i * 5).Lines)
        {
            await call.RequestStream.WriteAsync(line);
        }

        await call.RequestStream.CompleteAsync();
        return await call;
    }));
    string[] talks = await Task.WhenAll(Enumerable.Range(0, 10).Select(async i =>
    {
        using AsyncDuplexStreamingCall<Line, Line> call = client.Talk();
        string said = "";
        for (int j = 0; j < 20; j++)
        {
            await call.RequestStream.WriteAsync(new Line { Name = $"{i}.{j}" });
            await call.ResponseStream.MoveNext(default);
            said = call.ResponseStream.Current.Name + said;
        }

        await call.RequestStream.CompleteAsync();
        return said;
    }));
    return $"""
        prices {prices.Sum():F2}
        lines {string.Join(' ', lines)}
        totals {totals.Sum(t => t.Sum):F2} of {totals.Sum(t => t.Lines)}
        talks {Rounds.Sum(string.Join('\n', talks))}
        empty {await Failure(async () => await client.PriceAsync(new Basket()))}
        broken {await Failure(async () => await client.PriceAsync(Basket(99)))}
        late {await Failure(async () => await client.PriceAsync(Basket(98), deadline: DateTime.UtcNow.AddMilliseconds(300)))}
        """;
});
await app.StopAsync();
return code;

static async Task<string> Failure(Func<Task> call)
{
    try
    {
        await call();
        return "none";
    }
    catch (RpcException e)
    {
        return e.StatusCode.ToString();
    }
}

static Basket Basket(int lines)
{
    Basket basket = new();
    for (int i = 0; i < lines; i++)
    {
        basket.Lines.Add(new Line { Name = $"thing {i}", Count = i, Price = i * 1.25, Picture = ByteString.CopyFrom(new byte[i * 10]) });
        basket.Notes[$"note {i}"] = new string('x', i);
    }

    return basket;
}

sealed class TillService : Till.TillBase
{
    public override async Task<Bill> Price(Basket request, ServerCallContext context)
    {
        if (request.Lines.Count == 99)
        {
            throw new InvalidOperationException("broken");
        }

        if (request.Lines.Count == 98)
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        }

        return request.Lines.Count == 0
            ? throw new RpcException(new Status(StatusCode.InvalidArgument, "nothing to pay"))
            : new Bill { Lines = request.Lines.Count, Sum = request.Lines.Sum(l => l.Count * l.Price) };
    }

    public override async Task Receipt(Basket request, IServerStreamWriter<Line> responseStream, ServerCallContext context)
    {
        foreach (Line line in request.Lines)
        {
            await responseStream.WriteAsync(line);
        }
    }

    public override async Task<Bill> Total(IAsyncStreamReader<Line> requestStream, ServerCallContext context)
    {
        Bill bill = new();
        await foreach (Line line in requestStream.ReadAllAsync())
        {
            bill.Lines++;
            bill.Sum += line.Count * line.Price;
        }

        return bill;
    }

    public override async Task Talk(IAsyncStreamReader<Line> requestStream, IServerStreamWriter<Line> responseStream, ServerCallContext context)
    {
        await foreach (Line line in requestStream.ReadAllAsync())
        {
            await responseStream.WriteAsync(new Line { Name = line.Name + "!" });
        }
    }
}
