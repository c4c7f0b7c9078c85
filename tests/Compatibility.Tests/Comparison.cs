using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>
/// Rule 1 as an assertion: the same program, arguments and input, once under plain dotnet and once under
/// <c>ilpreempt run</c>, must write the same to stdout and stderr and end with the same code. Nothing is taken out of the
/// outputs but what the caller names (times, ports); a crash trace is compared line by line with the rest.
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
        normalise ??= text => text;
        if (plain.ExitCode != hosted.ExitCode
            || normalise(plain.StdOut) != normalise(hosted.StdOut)
            || normalise(plain.StdErr) != normalise(hosted.StdErr))
        {
            Assert.Fail($"{FirstDifference(plain, hosted, normalise)}\n\nplain: {plain}\n\nhosted: {hosted}");
        }
    }

    /// <summary>A normaliser that replaces what matches each pattern by one mark.</summary>
    internal static Func<string, string> Without(params string[] patterns) =>
        text => patterns.Aggregate(text, (t, pattern) => Regex.Replace(t, pattern, "<any>"));

    /// <summary>The same lines in order of their text.</summary>
    internal static string Sorted(string text) => string.Join('\n', text.Split('\n').Order(StringComparer.Ordinal));

    private static string FirstDifference(ChildResult plain, ChildResult hosted, Func<string, string> normalise)
    {
        if (plain.ExitCode != hosted.ExitCode)
        {
            return $"exit code {plain.ExitCode} plain, {hosted.ExitCode} hosted";
        }

        (string what, string a, string b) = normalise(plain.StdOut) != normalise(hosted.StdOut)
            ? ("stdout", plain.StdOut, hosted.StdOut)
            : ("stderr", plain.StdErr, hosted.StdErr);
        string[] left = normalise(a).Split('\n');
        string[] right = normalise(b).Split('\n');
        int line = 0;
        while (line < left.Length && line < right.Length && left[line] == right[line])
        {
            line++;
        }

        return $"{what}, line {line + 1}:\n  plain  {left.ElementAtOrDefault(line) ?? "(ended)"}\n  hosted {right.ElementAtOrDefault(line) ?? "(ended)"}";
    }
}
