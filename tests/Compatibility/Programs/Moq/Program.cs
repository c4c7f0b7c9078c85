using Autofac;
using Moq;

// Proxies and mocks are classes emitted at run time; the container compiles expressions. In parallel, so that both are built under contention.
return await Rounds.Run(args, async () =>
{
    string[] said = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() =>
    {
        Mock<IStore> store = new(MockBehavior.Strict);
        store.Setup(s => s.Get(It.IsAny<string>())).Returns((string key) => $"{key}={i}");
        store.Setup(s => s.GetAsync(It.Is<string>(k => k.StartsWith('a')))).ReturnsAsync("async");
        store.SetupSequence(s => s.Count).Returns(1).Returns(2).Throws(new InvalidOperationException("spent"));
        store.SetupAdd(s => s.Changed += It.IsAny<EventHandler>());
        ContainerBuilder builder = new();
        builder.RegisterInstance(store.Object).As<IStore>();
        builder.RegisterType<Reader>().InstancePerLifetimeScope();
        builder.RegisterGeneric(typeof(Box<>)).AsSelf();
        builder.RegisterDecorator<Loud, IStore>();
        using IContainer container = builder.Build();
        using ILifetimeScope scope = container.BeginLifetimeScope();
        Reader reader = scope.Resolve<Reader>();
        string text = $"{reader.Read("key")} {scope.Resolve<Func<Box<int>>>()().Value} {ReferenceEquals(reader, scope.Resolve<Reader>())} {store.Object.GetAsync("abc").Result} {store.Object.Count} {store.Object.Count}";
        try
        {
            _ = store.Object.Count;
        }
        catch (InvalidOperationException e)
        {
            text += " " + e.Message;
        }

        try
        {
            store.Object.GetAsync("zzz");
        }
        catch (MockException e)
        {
            text += " " + e.Message.Split('\n')[0];
        }

        store.Verify(s => s.Get("key"), Times.Once);
        return text;
    })));
    return string.Join('\n', said);
});

public interface IStore
{
    event EventHandler Changed;

    int Count { get; }

    string Get(string key);

    Task<string> GetAsync(string key);
}

public sealed class Loud(IStore inner) : IStore
{
    public event EventHandler Changed
    {
        add => inner.Changed += value;
        remove => inner.Changed -= value;
    }

    public int Count => inner.Count;

    public string Get(string key) => inner.Get(key).ToUpperInvariant();

    public Task<string> GetAsync(string key) => inner.GetAsync(key);
}

public sealed class Reader(IStore store)
{
    public string Read(string key) => store.Get(key);
}

public sealed class Box<T>
{
    public T Value { get; set; }
}
