using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

// The engine of NUnit 4 runs the suite in Suite.cs, with its own workers and work queues.
return await Rounds.Run(args, () =>
{
    NUnitTestAssemblyRunner runner = new(new DefaultTestAssemblyBuilder());
    runner.Load(typeof(Suite).Assembly, new Dictionary<string, object> { ["NumberOfTestWorkers"] = 3, ["SynchronousEvents"] = false });
    ITestResult result = runner.Run(new Names(), TestFilter.Empty);
    return $"{result.ResultState}: {result.PassCount} passed, {result.FailCount} failed, {result.SkipCount} skipped, {result.InconclusiveCount} inconclusive, {result.AssertCount} asserts\n{Tree(result, 0)}";
});

static string Tree(ITestResult result, int depth)
{
    string line = $"{new string(' ', depth * 2)}{(depth == 0 ? "suite" : result.Name)} {result.ResultState}{(result.HasChildren ? "" : " " + Message(result.Message ?? ""))}";
    return string.Join('\n', new[] { line }.Concat(result.Children.OrderBy(c => c.Name, StringComparer.Ordinal).Select(c => Tree(c, depth + 1))));
}

// Frames of reflection's stubs come and go with tiering.
static string Message(string text) => string.Join(" / ", text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0 && !l.StartsWith("at ", StringComparison.Ordinal)));

internal sealed class Names : ITestListener
{
    public void TestStarted(ITest test)
    {
    }

    public void TestFinished(ITestResult result)
    {
    }

    public void TestOutput(TestOutput output)
    {
    }

    public void SendMessage(TestMessage message)
    {
    }
}
