using Xunit;
using Xunit.Abstractions;

public class ArithmeticTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(10, 55)]
    [InlineData(20, 6765)]
    public void Fibonacci_OfN_IsKnown(int n, int expected)
    {
        int Fib(int k) => k < 3 ? 1 : Fib(k - 1) + Fib(k - 2);
        output.WriteLine($"n is {n}");
        Assert.Equal(expected, Fib(n));
    }

    [Fact]
    public void Wanted_Failure_IsReported() => Assert.Equal(4, 2 + 3);

    [Fact(Skip = "wanted skip")]
    public void Skipped_Test_IsReported() { }

    [Fact]
    public async Task Async_Test_Completes()
    {
        await Task.Yield();
        Assert.Equal(10, await Task.Run(() => Enumerable.Range(0, 5).Sum()));
    }

    [Fact]
    public void Throws_Wanted_IsSeen() => Assert.Throws<DivideByZeroException>(() => 1 / Zero());

    static int Zero() => 0;
}

public class CollectionTests : IClassFixture<CollectionTests.Fixture>
{
    public class Fixture : IDisposable
    {
        public int Uses;
        public void Dispose() { }
    }

    readonly Fixture _fixture;
    public CollectionTests(Fixture fixture) => _fixture = fixture;

    public static IEnumerable<object[]> Data => Enumerable.Range(0, 20).Select(i => new object[] { i });

    [Theory]
    [MemberData(nameof(Data))]
    public void List_OfN_HasN(int n)
    {
        _fixture.Uses++;
        List<int> list = [];
        for (int i = 0; i < n; i++) { list.Add(i); }
        Assert.Equal(n, list.Count);
        Assert.All(list, x => Assert.InRange(x, 0, n));
    }
}
