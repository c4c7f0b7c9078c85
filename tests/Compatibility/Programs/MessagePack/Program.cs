using MessagePack;
using MessagePack.Resolvers;

// Formatters that are emitted at run time, unions, compression, streams, from many threads.
MessagePackSerializerOptions packed = ContractlessStandardResolver.Options.WithCompression(MessagePackCompression.Lz4BlockArray);
return await Rounds.Run(args, async () =>
{
    Order[] orders = [.. Enumerable.Range(0, 500).Select(i => new Order
    {
        Id = i,
        At = new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddMinutes(i),
        Lines = [.. Enumerable.Range(0, i % 8).Select(j => new Line(j, $"line {j}", j * 1.5m))],
        Payment = i % 2 == 0 ? new Card { Number = $"{i:D16}" } : new Cash { Change = i },
    })];
    byte[] bytes = MessagePackSerializer.Serialize(orders);
    Order[] back = MessagePackSerializer.Deserialize<Order[]>(bytes);
    string[] sums = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() =>
        Rounds.Sum(MessagePackSerializer.Deserialize<Order[]>(MessagePackSerializer.Serialize(back, packed), packed)[i * 50].Payment is Card card ? card.Number : "cash"))));
    using MemoryStream stream = new();
    foreach (Order order in orders.Take(100))
    {
        await MessagePackSerializer.SerializeAsync(stream, order);
    }

    stream.Position = 0;
    int read = 0;
    using MessagePackStreamReader reader = new(stream);
    while (await reader.ReadAsync(default) is { } message)
    {
        read += MessagePackSerializer.Deserialize<Order>(message).Lines.Length;
    }

    string json = MessagePackSerializer.ConvertToJson(MessagePackSerializer.Serialize(orders[11]));
    object loose = MessagePackSerializer.Typeless.Deserialize(MessagePackSerializer.Typeless.Serialize(new Dictionary<string, object> { ["a"] = 1, ["b"] = new[] { 1.5, 2.5 } }));
    return $"{Rounds.Sum(bytes)}\n{string.Join('\n', sums.Distinct())}\nread {read}, sum {back.Sum(o => o.Lines.Sum(l => l.Price))}\n{json}\n{loose.GetType().Name}";
});

[MessagePackObject]
public sealed class Order
{
    [Key(0)]
    public int Id { get; set; }

    [Key(1)]
    public DateTime At { get; set; }

    [Key(2)]
    public Line[] Lines { get; set; }

    [Key(3)]
    public IPayment Payment { get; set; }
}

[MessagePackObject]
public sealed record Line([property: Key(0)] int Id, [property: Key(1)] string Name, [property: Key(2)] decimal Price);

[Union(0, typeof(Card))]
[Union(1, typeof(Cash))]
public interface IPayment;

[MessagePackObject]
public sealed class Card : IPayment
{
    [Key(0)]
    public string Number { get; set; }
}

[MessagePackObject]
public sealed class Cash : IPayment
{
    [Key(0)]
    public int Change { get; set; }
}
