using Xunit;

namespace ILPreempt.Packages.Tests;

/// <summary>What is too long for every run is behind <c>ILPREEMPT_TESTS_LONG=1</c>, and then shows as skipped, never as passed.</summary>
internal static class Switches
{
    internal static string? Skip { get; } = Environment.GetEnvironmentVariable("ILPREEMPT_TESTS_LONG") == "1" ? null : "minutes long; set ILPREEMPT_TESTS_LONG=1";
}

/// <summary>A theory that runs only with ILPREEMPT_TESTS_LONG=1.</summary>
internal sealed class LongTheoryAttribute : TheoryAttribute
{
    public LongTheoryAttribute() => Skip = Switches.Skip;
}

/// <summary>A fact that runs only with ILPREEMPT_TESTS_LONG=1.</summary>
internal sealed class LongFactAttribute : FactAttribute
{
    public LongFactAttribute() => Skip = Switches.Skip;
}
