using NUnit.Framework;

[assembly: Parallelizable(ParallelScope.Children)]

[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class Suite
{
    private static int s_once;
    private readonly List<int> _numbers = [];

    [OneTimeSetUp]
    public static void Once() => s_once = 42;

    [SetUp]
    public void Fill() => _numbers.AddRange([1, 2, 3]);

    [TearDown]
    public void Clear() => Assert.That(_numbers, Is.Not.Empty);

    [Test]
    public void Constraints_Hold()
    {
        Assert.That(s_once, Is.EqualTo(42));
        Assert.That(_numbers, Is.Ordered);
        Assert.That(_numbers, Is.All.Positive);
        Assert.That(() => throw new ArgumentException("bad"), Throws.ArgumentException.With.Message.EqualTo("bad"));
        Assert.That(new[] { "b", "a" }, Is.EquivalentTo(new[] { "a", "b" }));
        Assert.That(0.1 + 0.2, Is.EqualTo(0.3).Within(1e-9));
    }

    [Test]
    public async Task Async_Awaits()
    {
        await Task.Delay(5);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => Thread.SpinWait(1000 * i))));
        Assert.That(async () => await Task.FromResult(3), Is.EqualTo(3));
    }

    [TestCase(1, ExpectedResult = 1)]
    [TestCase(10, ExpectedResult = 55)]
    [TestCase(30, ExpectedResult = 832040)]
    [TestCase(5, ExpectedResult = 6)]
    public int Fib_Of(int n)
    {
        int a = 0, b = 1;
        for (int i = 0; i < n; i++)
        {
            (a, b) = (b, a + b);
        }

        return a;
    }

    [Test]
    public void Combinations([Values(1, 2, 3)] int a, [Range(0, 4)] int b) => Assert.That(a * b, Is.GreaterThanOrEqualTo(0));

    [TestCaseSource(nameof(Words))]
    public void Word_HasLetters(string word) => Assert.That(word, Does.Match("^[a-z]+$"));

    public static IEnumerable<string> Words => ["one", "two", "Three"];

    [Test]
    [Retry(3)]
    public void Fails_Twice() => Assert.That(TestContext.CurrentContext.CurrentRepeatCount, Is.EqualTo(2));

    [Test]
    public void Multiple_Failures() => Assert.Multiple(() =>
    {
        Assert.That(1, Is.EqualTo(2));
        Assert.That("a", Is.EqualTo("b"));
    });

    [Test]
    [CancelAfter(100)]
    public void Cancelled_AfterItsTime(CancellationToken token)
    {
        while (!token.IsCancellationRequested)
        {
        }

        Assert.Pass();
    }

    [Test]
    [RequiresThread]
    public void Runs_OnAThreadOfItsOwn() => Assert.That(Thread.CurrentThread.IsThreadPoolThread, Is.False);

    [Test]
    [Ignore("not today")]
    public void Ignored() => Assert.Fail();

    [Test]
    public void Inconclusive() => Assume.That(1, Is.EqualTo(2));
}

[TestFixture(typeof(List<int>))]
[TestFixture(typeof(LinkedList<int>))]
public sealed class Collections<T>
    where T : ICollection<int>, new()
{
    [Test]
    public void Add_Counts([Values(0, 1, 100)] int count)
    {
        T collection = new();
        for (int i = 0; i < count; i++)
        {
            collection.Add(i);
        }

        Assert.That(collection, Has.Count.EqualTo(count));
    }

    [Theory]
    public void Contains_Itself(bool flag) => Assert.That(flag, Is.EqualTo(flag));
}
