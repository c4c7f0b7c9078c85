// Runs the tests of this assembly in this process, as xunit's own runners do, and prints what came of each.
using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

class Program
{
    static int Main()
    {
        Sink sink = new();
        using XunitTestFramework framework = new(sink);
        using ITestFrameworkExecutor executor = framework.GetExecutor(typeof(Program).Assembly.GetName());
        executor.RunAll(sink, new Options(), new Options());
        sink.Finished.Wait();
        foreach (string line in sink.Lines.Order(StringComparer.Ordinal)) { Console.WriteLine(line); }
        Console.WriteLine($"total {sink.Total} failed {sink.Failed}");
        return sink.Failed;
    }

    class Options : ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
    {
        readonly Dictionary<string, object> _values = [];
        public TValue GetValue<TValue>(string name) => _values.TryGetValue(name, out object v) ? (TValue)v : default;
        public void SetValue<TValue>(string name, TValue value) => _values[name] = value;
    }

    class Sink : IMessageSink
    {
        public readonly ManualResetEventSlim Finished = new();
        public readonly List<string> Lines = [];
        public int Total, Failed;

        public bool OnMessage(IMessageSinkMessage message)
        {
            string line = message switch
            {
                ITestPassed t => $"passed {t.Test.DisplayName} {t.Output.Trim()}",
                ITestSkipped t => $"skipped {t.Test.DisplayName}: {t.Reason}",
                ITestFailed t => $"failed {t.Test.DisplayName}: {string.Join("|", t.Messages)}\n{string.Join("|", t.StackTraces)}",
                IErrorMessage e => $"error {string.Join("|", e.Messages)}",
                _ => null,
            };
            lock (Lines)
            {
                if (line is not null) { Lines.Add(line); }
                if (message is ITestFailed) { Failed++; }
                if (message is ITestResultMessage) { Total++; }
            }
            if (message is ITestAssemblyFinished) { Finished.Set(); }
            return true;
        }
    }
}
