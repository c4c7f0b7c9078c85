using System.Collections.Concurrent;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>
/// Rule 1 as an assertion: the same program, arguments and input, once under plain dotnet and once under
/// <c>ilpreempt run</c>, must write the same to stdout and stderr and end with the same code, as <see cref="Difference"/> has it.
/// </summary>
internal static class Comparison
{
    private static readonly ConcurrentDictionary<string, ChildResult> s_plain = new();

    /// <summary>Compares one hosted run with the plain run of the same key, which is made once per test process.</summary>
    internal static void AssertSame(
        string key,
        string program,
        IReadOnlyList<string> arguments,
        ChildOptions? options = null,
        IEnumerable<string>? runOptions = null,
        IEnumerable<KeyValuePair<string, string?>>? hostedEnvironment = null,
        Func<string, string>? normalise = null)
    {
        options ??= new ChildOptions();
        ChildResult plain = s_plain.GetOrAdd(key, _ => ChildProcess.Plain(program, arguments, options));
        Dictionary<string, string?> environment = new(options.Environment);
        foreach ((string name, string? value) in hostedEnvironment ?? [])
        {
            environment[name] = value;
        }

        ChildResult hosted = ChildProcess.Hosted(program, arguments, options with { Environment = environment }, runOptions);
        AssertSame(plain, hosted, normalise);
    }

    /// <summary>Compares two runs; on a difference shows both whole.</summary>
    internal static void AssertSame(ChildResult plain, ChildResult hosted, Func<string, string>? normalise = null)
    {
        if (Difference.Between(plain, hosted, normalise) is { } difference)
        {
            Assert.Fail(difference);
        }
    }
}
