using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>Every program of TestApps behaves under the host, and in stress mode, as under plain dotnet.</summary>
public class SampleTests
{
    public static TheoryData<string> Names => new(Sample.All.Select(s => s.Name));

    public static TheoryData<string> Heavy => new(Sample.All.Where(s => s.StressEvery > 1).Select(s => s.Name));

    [Theory]
    [MemberData(nameof(Names))]
    public void Sample_Hosted_BehavesAsPlain(string name) => Compare(name, []);

    [Theory]
    [MemberData(nameof(Names))]
    public void Sample_UnderStress_BehavesAsPlain(string name)
    {
        Sample sample = Find(name);
        Compare(name, [], ("ILPREEMPT_STRESS", $"{sample.StressEvery}{Switches.Seed}"));
    }

    /// <summary>Stopped by signals all the time, wherever it runs managed code, also where the scheduler would never ask.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Sample_InAStormOfSignals_BehavesAsPlain(string name) => Compare(name, [], ("ILPREEMPT_STORM", "5000"));

    /// <summary>Preempted at every check, also those that make millions of them.</summary>
    [LongTheory]
    [MemberData(nameof(Heavy))]
    public void Sample_HeavyUnderFullStress_BehavesAsPlain(string name) => Compare(name, [], TimeSpan.FromMinutes(20), ("ILPREEMPT_STRESS", "1"));

    [LongTheory]
    [MemberData(nameof(Names))]
    public void Sample_OnOneProcessorUnderStress_BehavesAsPlain(string name) =>
        Compare(name, [], ("ILPREEMPT_STRESS", $"{Find(name).StressEvery}{Switches.Seed}"), ("ILPREEMPT_MAXPROCS", "1"));

    [LongTheory]
    [MemberData(nameof(Names))]
    public void Sample_WithAllChecks_BehavesAsPlain(string name) => Compare(name, ["--checks", "all"]);

    [LongTheory]
    [MemberData(nameof(Names))]
    public void Sample_WithFrameworkWoven_BehavesAsPlain(string name) => Compare(name, ["--weave", "all"]);

    [Fact]
    public void Samples_EveryFolder_HasARow()
    {
        string[] folders = Directory.GetDirectories(Path.Combine(Repo.Root, "TestApps"))
            .Where(f => Directory.EnumerateFiles(f, "*.*proj").Any())
            .Select(f => Path.GetFileName(f))
            .ToArray();
        string[] covered = Sample.All.Select(s => s.App).Concat(Sample.RunElsewhere.Keys).Distinct().ToArray();
        Assert.Empty(folders.Except(covered));
        Assert.Empty(covered.Except(folders));
    }

    private static void Compare(string name, string[] runOptions, params (string Name, string Value)[] environment) =>
        Compare(name, runOptions, TimeSpan.FromSeconds(90), environment);

    private static void Compare(string name, string[] runOptions, TimeSpan timeout, params (string Name, string Value)[] environment)
    {
        Sample sample = Find(name);
        ChildOptions options = new() { Input = sample.Input, Timeout = timeout };
        Func<string, string> without = Difference.Without(sample.Varying);
        Comparison.AssertSame(
            sample.Name,
            Repo.TestApp(sample.App),
            sample.Arguments,
            options,
            runOptions,
            environment.Select(e => KeyValuePair.Create(e.Name, (string?)e.Value)),
            sample.AnyOrder ? text => Difference.Sorted(without(text)) : without);
    }

    private static Sample Find(string name) => Sample.All.Single(s => s.Name == name);
}
