using System.Text.RegularExpressions;
using ILPreempt.TestUtils;

namespace ILPreempt.Compatibility;

/// <summary>
/// What two runs of a program differ in: exit code, standard output, standard error. Nothing is taken out of the outputs but what the
/// caller's normaliser names (times, ports); a crash trace is compared line by line with the rest.
/// </summary>
public static class Difference
{
    /// <summary>The first difference and both runs whole; null = none.</summary>
    public static string? Between(ChildResult plain, ChildResult hosted, Func<string, string>? normalise = null)
    {
        normalise ??= text => text;
        return plain.ExitCode == hosted.ExitCode
            && normalise(plain.StdOut) == normalise(hosted.StdOut)
            && normalise(plain.StdErr) == normalise(hosted.StdErr)
            ? null
            : $"{First(plain, hosted, normalise)}\n\nplain: {plain}\n\nhosted: {hosted}";
    }

    /// <summary>A normaliser that replaces what matches each pattern by one mark.</summary>
    public static Func<string, string> Without(params string[] patterns) =>
        text => patterns.Aggregate(text, (t, pattern) => Regex.Replace(t, pattern, "<any>"));

    /// <summary>The same lines in order of their text.</summary>
    public static string Sorted(string text) => string.Join('\n', text.Split('\n').Order(StringComparer.Ordinal));

    private static string First(ChildResult plain, ChildResult hosted, Func<string, string> normalise)
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
