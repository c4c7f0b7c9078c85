using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>What is too long for every run is behind <c>ILPREEMPT_TESTS_LONG=1</c>, and then shows as skipped, never as passed.</summary>
internal static class Switches
{
    internal static bool Long { get; } = Environment.GetEnvironmentVariable("ILPREEMPT_TESTS_LONG") == "1";

    /// <summary>With <c>ILPREEMPT_TESTS_SEED=N</c> the scheduler chooses by that seed in the samples' stress runs: what follows the number of checks.</summary>
    internal static string Seed { get; } = Environment.GetEnvironmentVariable("ILPREEMPT_TESTS_SEED") is { Length: > 0 } seed ? ":" + seed : "";
}

/// <summary>A theory that runs only with ILPREEMPT_TESTS_LONG=1.</summary>
internal sealed class LongTheoryAttribute : TheoryAttribute
{
    public LongTheoryAttribute()
    {
        if (!Switches.Long)
        {
            Skip = "minutes long; set ILPREEMPT_TESTS_LONG=1";
        }
    }
}

/// <summary>A fact that runs only with ILPREEMPT_TESTS_LONG=1.</summary>
internal sealed class LongFactAttribute : FactAttribute
{
    public LongFactAttribute()
    {
        if (!Switches.Long)
        {
            Skip = "minutes long; set ILPREEMPT_TESTS_LONG=1";
        }
    }
}
