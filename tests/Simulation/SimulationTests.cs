using System.Reflection;
using Xunit;

namespace ILPreempt.Simulation;

/// <summary>The scheduler on many Ps: what it must never do, in orders of steps that no two-core machine would show.</summary>
public class SimulationTests
{
    /// <summary>A file of the scheduler and what is broken in it, by a name.</summary>
    private static readonly Dictionary<string, (string File, (string From, string To)[] Changes)> s_mutants = new()
    {
        ["no second look"] = ("Scheduler.FindRunnable.cs", [("if (p == null && AnyLocalWork())", "if (p == null && Procs < 0)")]),
        ["NMSpinning goes down after the second look"] = ("Scheduler.FindRunnable.cs",
        [
            ("if (Interlocked.Decrement(ref NMSpinning) < 0)\n        {\n            RuntimePanic.Throw(\"findrunnable", "if (Volatile.Read(ref NMSpinning) < 0)\n        {\n            RuntimePanic.Throw(\"findrunnable"),
            ("        if (p != null)\n        {\n            BecomeSpinning(m);\n            return true;", "        Interlocked.Decrement(ref NMSpinning);\n        if (p != null)\n        {\n            BecomeSpinning(m);\n            return true;"),
        ]),
        ["needSpinning is ignored"] = ("Scheduler.FindRunnable.cs", [("&& Volatile.Read(ref s_needSpinning) != 0)", "&& Procs < 0)")]),
        ["the last spinner that finds work starts nobody"] = ("Scheduler.FindRunnable.cs", [("        WakeP();\n    }", "    }")]),
        ["a submitter wakes nobody"] = ("Scheduler.cs", [("            WakeP();\n            SysMon.SomebodyBecameReady();", "            SysMon.SomebodyBecameReady();")]),
    };

    public static TheoryData<string> Mutants => [.. s_mutants.Keys];

    public static TheoryData<string> AllWorkloads => [.. Workloads.All.Keys];

    [Theory]
    [MemberData(nameof(AllWorkloads))]
    public void Seeds_OneTo8Ps_NothingIsLost(string workload)
    {
        for (ulong seed = 0; seed < 48; seed++)
        {
            int procs = 1 + (int)(seed % 8);
            AssertHolds(new TrialSetup(workload, procs, seed, 60) { MaxLead = seed % 3 == 0 ? 0 : 300 });
        }
    }

    /// <summary>Those that have two threads for each P take ten times as long.</summary>
    [Theory]
    [InlineData("tree", 60)]
    [InlineData("uneven", 60)]
    [InlineData("arrivals", 60)]
    [InlineData("sparse", 40)]
    [InlineData("pairs", 10)]
    [InlineData("timers", 10)]
    [InlineData("fanout", 8)]
    [InlineData("hogs", 1)]
    public void Seeds_256Ps_NothingIsLost(string workload, int seeds)
    {
        for (ulong seed = 0; seed < (ulong)seeds; seed++)
        {
            AssertHolds(new TrialSetup(workload, 256, seed, 150) { Every = 16, MaxLead = 1_000 });
        }
    }

    [Fact]
    public void Tree_OfAMillionGoroutinesOn256Ps_AllEnd()
    {
        TrialResult result = Trial.Run(new TrialSetup("tree", 256, 1, 1_000_000) { Every = 1024, MaxLead = 10_000 });
        Assert.Null(result.Failure);
        Assert.InRange(result.Goroutines, 999_000, 1_001_000);
    }

    /// <summary>
    /// A slice of somebody who computes is ended for a sleeper after a millisecond. No rule of the queues may then put another slice before
    /// it: the look at the global queue at every 61st choice did, and one wake-up in 61 was 10 ms late.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Sleeper_BesideHogs_WakesWithinTheSliceThatIsCutForIt(int procs)
    {
        AssertHolds(new TrialSetup("naps", procs, 1, 500));
        Assert.Equal(500, Workloads.NapsLate.Count);
        Assert.InRange(Workloads.NapsLate.Percentile(0.99), 0, 2_000_000);
    }

    [Theory]
    [MemberData(nameof(AllWorkloads))]
    public void Trial_SameSeed_SameSteps(string workload)
    {
        TrialResult first = Trial.Run(new TrialSetup(workload, 16, 7, 200));
        TrialResult other = Trial.Run(new TrialSetup(workload, 16, 8, 200));
        TrialResult again = Trial.Run(new TrialSetup(workload, 16, 7, 200));
        Assert.Equal((first.Hash, first.Turns, first.Elapsed), (again.Hash, again.Turns, again.Elapsed));
        Assert.NotEqual(first.Hash, other.Hash);
    }

    [Theory]
    [MemberData(nameof(Mutants))]
    public void Mutant_WithinSomeSeeds_LosesAWakeUp(string name)
    {
        (string file, (string From, string To)[] changes) = s_mutants[name];
        Assembly mutant = Mutant.Compile(file, changes);
        string? failure = null;
        for (ulong seed = 0; seed < 400 && failure == null; seed++)
        {
            failure = Mutant.Run(mutant, "sparse", 2 + (int)(seed % 4), seed, 150);
        }

        Assert.NotNull(failure);
        Assert.StartsWith("lost wake-up: a goroutine is queued", failure, StringComparison.Ordinal);
    }

    private static void AssertHolds(TrialSetup setup)
    {
        TrialResult result = Trial.Run(setup);
        Assert.True(result.Failure == null, $"{setup}: {result.Failure}");
    }
}
