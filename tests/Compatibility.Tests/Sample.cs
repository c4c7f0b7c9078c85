namespace ILPreempt.Compatibility.Tests;

/// <summary>One way to run a program of TestApps, and what of its output may differ between two plain runs.</summary>
/// <param name="App">Folder and assembly name.</param>
/// <param name="Arguments">Its arguments.</param>
internal sealed record Sample(string App, params string[] Arguments)
{
    /// <summary>Text for its standard input.</summary>
    internal string Input { get; init; } = "";

    /// <summary>Patterns that are taken out before comparing.</summary>
    internal string[] Varying { get; init; } = [];

    /// <summary>The order of its lines varies: they are compared sorted.</summary>
    internal bool AnyOrder { get; init; }

    /// <summary>Every n-th check preempts in the stressed run; 1 where the program makes few enough checks.</summary>
    internal int StressEvery { get; init; } = 1;

    internal string Name => string.Join(' ', [App, .. Arguments]);

    /// <summary>Programs that other tests of this project run, because plain dotnet cannot, or because they need driving.</summary>
    internal static readonly IReadOnlyDictionary<string, string> RunElsewhere = new Dictionary<string, string>
    {
        ["Hogs"] = nameof(HogsTests),
        ["Recursion"] = nameof(RecursionTests),
        ["HogServer"] = nameof(StarvationTests),
        ["Heartbeat"] = nameof(StarvationTests),
        ["Unchecked"] = nameof(AsyncPreemptTests),
        ["Soak"] = nameof(AsyncPreemptTests),
        ["SignalGuest"] = nameof(AsyncPreemptTests),
        ["Load"] = nameof(LoadTests),
        ["Measures"] = "driven by tests/Benchmarks and Host.Tests",
        ["WebApp"] = nameof(WebAppTests),
        ["XunitV2Tests"] = nameof(CorpusTests),
        ["XunitV3Tests"] = nameof(CorpusTests),
        ["Plugin"] = "loaded by PluginHost",
        ["HostProbe"] = "driven by Host.Tests",
        ["Scenarios"] = "driven by Runtime.Tests",
        ["Stalls"] = "driven by Diagnostics.Tests",
        ["EveryState"] = "driven by Diagnostics.Tests and Host.Tests",
    };

    internal static readonly Sample[] All =
    [
        new("Hello"),
        new("Hello", "from", "two words"),
        new("AsyncMain"),
        new("AsyncMain", "throw"),
        new("TopLevel") { Input = "one\ntwo\nthree" },
        new("TopLevel", "a", "b c", "--d", "", "\"quoted\"", "*") { Input = "" },
        new("Cpu") { StressEvery = 101 },
        new("Cctors") { StressEvery = 7 },
        new("Surroundings", "3") { StressEvery = 1009 },
        new("Exceptions"),
        new("Starts") { StressEvery = 11 },
        new("Starts", "exit"),
        new("Starts", "background"),
        new("Starts", "foreground"),
        new("Starts", "read") { Input = "first\nsecond\nthird\n" },
        .. new[] { "thread", "pool", "timer", "asyncvoid", "wait" }.Select(kind => new Sample("Starts", "crash", kind) { StressEvery = 3 }),
        new("Threads") { StressEvery = 101 },
        new("Tasks") { StressEvery = 11 },
        new("Data"),
        new("Generics"),
        new("Reflection"),
        new("Interop"),
        new("Gc") { StressEvery = 11 },
        new("FSharpApp") { StressEvery = 101 },
        new("FSharpApp", "crash") { StressEvery = 101 },
        new("VbApp"),
        new("VbApp", "crash"),
        new("PluginHost"),
        new("NewerJson"),
        new("NewtonsoftApp"),
        new("CommandLineApp", "--help"),
        new("CommandLineApp", "--version"),
        new("CommandLineApp", "table", "-c", "5", "a", "b"),
        new("CommandLineApp", "tree"),
        new("CommandLineApp", "wait"),
        new("CommandLineApp", "fail"),
        new("CommandLineApp", "nosuch", "--bad"),
        new("CommandLineApp", "crash"),
        .. new[]
        {
            "main", "thread", "pool", "inner", "handler", "finally", "failfast", "failfastinner", "exit", "exitthread", "exitloop",
            "exitcode", "background", "foreground", "async", "asyncvoid", "unobserved", "cctor", "negative",
        }.Select(mode => new Sample("Crash", mode)),
    ];
}
