using System.Globalization;
using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>
/// Goroutines that pass no check are stopped by a signal. On one processor a goroutine is inside the framework, or in a loop that the
/// weaver left alone, for about two seconds, and another sleeps 1 ms at a time: how often the second one woke, in relation to
/// how long the first one worked, tells whether the first was stopped. Each runs without the signal too, where the second
/// starves; that is what proves that the signal did it.
/// </summary>
public class AsyncPreemptTests
{
    private static readonly Regex s_signals = new(@"preempted=\[check \d+ signal (\d+)\]");

    [Theory]
    [InlineData("loop")]
    [InlineData("arithmetic")]
    [InlineData("empty")]
    [InlineData("sort")]
    [InlineData("regex")]
    [InlineData("regex-compiled")]
    [InlineData("aggregate")]
    [InlineData("modpow")]
    [InlineData("json")]
    public void Code_WithoutChecks_IsStoppedByTheSignalOnly(string kind)
    {
        int with = Wakes(AssertSharesTheProcessor(kind));
        ChildResult without = Run(kind, signals: false);

        // It may wake once before the other has begun.
        Assert.True(Wakes(without) * 10 <= with, $"woke {with} times with signals, without them:\n{without}");
    }

    /// <summary>Its huge buffers are cleared in native code now and then, where a goroutine loses its P without any signal.</summary>
    [Fact]
    public void Code_PartlyNative_IsStoppedByTheSignalToo()
    {
        ChildResult result = AssertSharesTheProcessor("bigint");
        int signals = MostSignals(result);
        Assert.True(signals >= 10, $"stopped by {signals} signals\n{result}");
    }

    [Fact]
    public void Code_AllNative_LosesItsP() => AssertSharesTheProcessor("sha512");

    /// <summary>What the program does with signals itself goes on working, and its output is what it is without any signal of ours.</summary>
    [Theory]
    [InlineData("plain")]
    [InlineData("urg")]
    [InlineData("onstack")]
    [InlineData("child")]
    [InlineData("native")]
    public void Guest_WithSignalsOfItsOwn_IsNotDisturbed(string kind)
    {
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("SignalGuest"), [kind], Options(("ILPREEMPT_MAXPROCS", "1"), ("ILPREEMPT_SLICE", "1ms")));
        Assert.True(result.ExitCode == 0, result.ToString());
        string own = kind switch
        {
            // One of ours may be on its way to each of the three loops when the program installs its handler; later there are none,
            // though it goes on for half a second at a thousand signals a second.
            "urg" => Regex.Match(result.StdOut, @"^handled [5-8]\n").Value,
            "onstack" => "alive\n",
            "child" => ChildProcess.Run("/bin/grep", ["Sig[BIC]", "/proc/self/status"]).StdOut,
            "native" => "broken off: 0\n",
            _ => "",
        };
        Assert.Equal(own + "all ran: True\n", result.StdOut);
        Assert.Equal("", result.StdErr);
    }

    /// <summary>The signal meets code of another JIT compiler, where a stop might hold its locks: it is refused until the thread is back in managed code.</summary>
    [Fact]
    public void Code_OfAnotherCompiler_IsNotStoppedInside()
    {
        ChildResult result = ChildProcess.Hosted(
            Repo.TestApp("SignalGuest"), ["foreign"], Options(("ILPREEMPT_MAXPROCS", "1"), ("ILPREEMPT_SLICE", "1ms"), ("ILPREEMPT_SCHEDTRACE", "50")));
        Assert.Equal((0, "counted right: True\nall ran: True\n"), (result.ExitCode, result.StdOut));
        Assert.Contains(Regex.Matches(result.StdErr, @"refused=\[native \d+ unknown (\d+)"), match => match.Groups[1].Value != "0");
    }

    /// <summary>With two Ps for two goroutines and a slice that never ends nobody is due: without the storm there is no signal.</summary>
    [Fact]
    public void Storm_OfSignals_StopsWhoIsNotDue()
    {
        Assert.Equal(0, Signals("0"));
        Assert.NotEqual(0, Signals("1000"));

        static int Signals(string hz)
        {
            ChildResult result = ChildProcess.Hosted(
                Repo.TestApp("Unchecked"),
                ["loop", "1"],
                Options(("ILPREEMPT_MAXPROCS", "2"), ("ILPREEMPT_SLICE", "60s"), ("ILPREEMPT_WAKEUP", "0"), ("ILPREEMPT_STORM", hz), ("ILPREEMPT_SCHEDTRACE", "50")));
            Assert.True(result.ExitCode == 0, result.ToString());
            return MostSignals(result);
        }
    }

    /// <summary>A minute in all. The slice is the shortest there is, so that signals follow each other as fast as they can.</summary>
    [Theory]
    [InlineData("2", "100us", "", "")]
    [InlineData("8", "100us", "storm", "")]
    [InlineData("2", "100us", "", "DOTNET_gcServer=1")]
    [InlineData("2", "1ms", "storm", "DOTNET_gcConcurrent=0")]
    [InlineData("2", "100us", "", "DOTNET_TieredCompilation=0")]
    [InlineData("2", "100us", "", "DOTNET_TieredPGO=0")]
    [InlineData("2", "100us", "", "ILPREEMPT_STRESS=3")]
    [InlineData("2", "100us", "", "DOTNET_GCgen0size=40000")]
    [InlineData("2", "1ms", "", "DOTNET_EnableWriteXorExecute=0")]
    [InlineData("8", "100us", "busy", "")]
    [InlineData("8", "100us", "", "ILPREEMPT_STORM=5000")]
    public void Soak_MixedWorkUnderSignalsAndCollections_AllResultsRight(string procs, string slice, string how, string variable) =>
        Soak(5, procs, slice, how, variable);

    [LongTheory]
    [InlineData("2", "100us", "", "")]
    [InlineData("8", "100us", "storm", "")]
    [InlineData("2", "100us", "locks exceptions faults regex files sockets tasks children arithmetic busy", "")]
    [InlineData("8", "100us", "", "ILPREEMPT_STORM=5000")]
    public void Soak_TenMinutes_AllResultsRight(string procs, string slice, string how, string variable) => Soak(600, procs, slice, how, variable);

    /// <summary>A sampling profiler suspends everything a thousand times a second; parked threads are let go each time.</summary>
    [Fact]
    public void Profiler_Attached_ProgramGoesOnAndTheTraceIsWritten()
    {
        string trace = Path.Combine(Path.GetTempPath(), $"ilpreempt-{Guid.NewGuid():N}.nettrace");
        try
        {
            ChildResult result = ChildProcess.Hosted(
                Repo.TestApp("SignalGuest"),
                ["plain"],
                Options(
                    ("ILPREEMPT_MAXPROCS", "1"),
                    ("DOTNET_EnableEventPipe", "1"),
                    ("DOTNET_EventPipeConfig", "Microsoft-DotNETCore-SampleProfiler:0:5"),
                    ("DOTNET_EventPipeOutputPath", trace)));
            Assert.Equal((0, "all ran: True\n"), (result.ExitCode, result.StdOut));
            Assert.True(new FileInfo(trace).Length > 1_000, "the trace is empty");
        }
        finally
        {
            File.Delete(trace);
        }
    }

    /// <summary>A managed debugger attaches, breaks, walks all stacks, and detaches. While it is there goroutines are stopped at checks only.</summary>
    [Fact]
    public void Debugger_Attached_NoSignalIsSentAndTheProgramGoesOn()
    {
        string end = Path.Combine(Path.GetTempPath(), $"ilpreempt-{Guid.NewGuid():N}.end");
        ChildResult? debugger = null;
        int sent = 0;
        bool MoreThan(int before) => SpinWait.SpinUntil(() => Volatile.Read(ref sent) > before, TimeSpan.FromSeconds(30));
        try
        {
            ChildResult result = ChildProcess.Hosted(
                Repo.TestApp("SignalGuest"),
                ["until", end],
                Options(("ILPREEMPT_MAXPROCS", "1"), ("ILPREEMPT_SLICE", "1ms"), ("ILPREEMPT_SCHEDTRACE", "50")) with
                {
                    OnErrorLine = (_, line) => Volatile.Write(ref sent, s_signals.Match(line) is { Success: true } m ? int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture) : sent),
                    OnOutputLine = (_, line) =>
                    {
                        if (line.StartsWith("ready ", StringComparison.Ordinal) && MoreThan(0))
                        {
                            debugger = ChildProcess.Plain(
                                Path.Combine(Repo.Root, "tests", "Debugger", "bin", Repo.Configuration, "net10.0", "ILPreempt.Debugger.dll"), [line[6..], "1000"]);
                            MoreThan(sent);
                            File.WriteAllText(end, "");
                        }
                    },
                });
            Assert.Equal((0, "all ran: True"), (result.ExitCode, result.StdOut.Split('\n')[1]));
            Assert.True(debugger is { ExitCode: 0, StdErr: "" }, debugger?.ToString());
            Assert.Matches(@"^attached, told what there is\nthreads \d+\n(.*\n)*frames SignalGuest.dll \d+\n(.*\n)*detached\n$", debugger!.StdOut);

            // At least two seconds of forty lines without a new one; there were some before and there are some after.
            int[] signals = [.. s_signals.Matches(result.StdErr).Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];
            IGrouping<int, int> still = signals.GroupBy(count => count).MaxBy(group => group.Count())!;
            Assert.True(still.Count() >= 10 && still.Key > 0 && still.Key < signals[^1], string.Join(' ', signals));
        }
        finally
        {
            File.Delete(end);
        }
    }

    private static void Soak(int seconds, string procs, string slice, string how, string variable)
    {
        List<(string, string)> environment = [("ILPREEMPT_MAXPROCS", procs), ("ILPREEMPT_SLICE", slice), ("ILPREEMPT_GRACE", "10us"), ("ILPREEMPT_SCHEDTRACE", "500")];
        if (variable.Length > 0)
        {
            environment.Add((variable.Split('=')[0], variable.Split('=')[1]));
        }

        const int Kinds = 11;
        string[] words = how.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        int kinds = words.Count(word => word is not ("busy" or "storm"));
        ChildResult result = ChildProcess.Hosted(
            Repo.TestApp("Soak"),
            [seconds.ToString(CultureInfo.InvariantCulture), .. words],
            Options([.. environment]) with { Timeout = TimeSpan.FromSeconds(seconds + 120) });
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal((kinds > 0 ? kinds : Kinds) + 1, result.StdOut.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(line => line.EndsWith(" ok", StringComparison.Ordinal) || line == "counters agree"));
        Assert.True(s_signals.Matches(result.StdErr).Any(m => m.Groups[1].Value != "0") || Regex.IsMatch(result.StdErr, @"unknown [1-9]"), "no signal was sent\n" + result);
    }

    // Between two turns of the sleeper lies one slice; a quarter of that rate is asked for, since all is slower on a loaded machine.
    private static ChildResult AssertSharesTheProcessor(string kind)
    {
        ChildResult result = Run(kind, signals: true);
        double worked = Number(result, @"worked (\d+) ms");
        Assert.True(Wakes(result) >= worked / 10 / 4, result.ToString());
        return result;
    }

    private static ChildResult Run(string kind, bool signals)
    {
        // Compiling again and swapping code suspends all threads, which frees a P as well and would blur the comparison.
        ChildResult result = ChildProcess.Hosted(
            Repo.TestApp("Unchecked"),
            [kind, "1"],
            Options(
                ("ILPREEMPT_MAXPROCS", "1"),
                ("ILPREEMPT_ASYNCPREEMPT", signals ? "1" : "0"),
                ("ILPREEMPT_SCHEDTRACE", "100"),
                ("DOTNET_TieredCompilation", "0")));
        Assert.True(result.ExitCode == 0, result.ToString());
        return result;
    }

    private static int MostSignals(ChildResult result) =>
        s_signals.Matches(result.StdErr).Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).Max();

    private static int Wakes(ChildResult result) => (int)Number(result, @"wakes (\d+)");

    private static double Number(ChildResult result, string pattern) =>
        double.Parse(Regex.Match(result.StdOut, pattern).Groups[1].Value, CultureInfo.InvariantCulture);

    private static ChildOptions Options(params (string Name, string Value)[] environment) => new()
    {
        Timeout = TimeSpan.FromSeconds(120),
        Environment = environment.ToDictionary(e => e.Name, e => (string?)e.Value),
    };
}
