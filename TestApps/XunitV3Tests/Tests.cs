using Xunit;

public class StringTests
{
    [Theory]
    [InlineData("abc", "cba")]
    [InlineData("", "")]
    public void Reverse_OfText_IsReversed(string text, string expected)
    {
        string s = "";
        foreach (char c in text) { s = c + s; }
        Assert.Equal(expected, s);
    }

    [Fact]
    public void Wanted_Failure_IsReported() => Assert.Equal("a", "b");

    [Fact(Skip = "wanted skip")]
    public void Skipped_Test_IsReported() { }

    [Fact]
    public async Task Async_Test_Completes()
    {
        await Task.Delay(1, TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper.WriteLine("some output");
        Assert.True(true);
    }
}

public class OtherTests
{
    public static TheoryData<int> Data => new(Enumerable.Range(0, 10));

    [Theory]
    [MemberData(nameof(Data))]
    public void Sum_OfN_IsKnown(int n)
    {
        int sum = 0;
        for (int i = 0; i <= n; i++) { sum += i; }
        Assert.Equal(n * (n + 1) / 2, sum);
    }
}
