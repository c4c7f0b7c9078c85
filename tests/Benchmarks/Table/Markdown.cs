using System.Globalization;
using System.Text;

namespace ILPreempt.Benchmarks.Table;

/// <summary>The table for readers, with what is behind and why, and the plots.</summary>
internal static class Markdown
{
    public static string Write(string file, Machine machine, IReadOnlyList<Result> results, IReadOnlyList<(string File, string Title)> plots)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Benchmarks

            Made by `dotnet run -c Release --project tests/Benchmarks -- all`; every sample is in `benchmarks.json`.

            {machine}

            A cell is the median of several runs in processes of their own, with the quartiles in brackets. The columns were run in turn, A B C A B C, and a ratio is the
            median of the ratios of single rounds: ours to theirs, turned over for rates, so **below 1 ILPreempt is ahead in every row**. `-`: no equivalent, or not measured.
            ILPreempt and plain dotnet run the same program, except that what is a goroutine there is a thread here where the row says nothing else. Hogs compute without
            a pause. Every started goroutine of ILPreempt holds an OS thread, 10,000 at most by default: hence no figure for 100,000 parked ones.

            | | | ILPreempt | dotnet | Go | to dotnet | to Go |
            | --- | --- | ---: | ---: | ---: | ---: | ---: |

            """);
        foreach (Result result in results.Where(r => !r.Row.PlotOnly))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {result.Row.Text} | {result.Row.Unit}{(result.Row.MoreIsBetter ? " (more is better)" : "")} | {Cell(result.Of(Column.ILPreempt))} | {Cell(result.Of(Column.Dotnet))} | {Cell(result.Of(Column.Go))} | {Cell(result.Ratio(Column.Dotnet))} | {Cell(result.Ratio(Column.Go))} |\n");
        }

        Behind(text, results);
        Section(text, "Notes", results.SelectMany(r => r.Notes.Select(n => (Note: n, Subject: r.Row.Key.Split('/')[0]))).GroupBy(n => n.Note, n => n.Subject)
            .Select(g => $"{string.Join(", ", g.Distinct())}: {g.Key}"));
        if (plots.Count > 0)
        {
            text.Append("\n## Plots\n");
            foreach ((string plot, string title) in plots)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n![{title}](benchmarks/{plot})\n");
            }
        }

        File.WriteAllText(file, text.ToString());
        return text.ToString();
    }

    private static void Behind(StringBuilder text, IReadOnlyList<Result> results)
    {
        List<string> lines = [];
        foreach (Result result in results.Where(r => !r.Row.PlotOnly))
        {
            foreach (Column anchor in new[] { Column.Dotnet, Column.Go })
            {
                if (result.IsBehind(anchor))
                {
                    string ratio = Number(result.Ratio(anchor)!.Value.Median);
                    lines.Add($"{result.Row.Text}, {ratio} times {(anchor == Column.Go ? "Go" : "dotnet")}: {Remarks.For(result.Row, anchor) ?? "**nobody has said why yet.**"}");
                }
            }
        }

        Section(text, "Where ILPreempt is behind, why, and what would change it", lines);
    }

    private static void Section(StringBuilder text, string title, IEnumerable<string> lines)
    {
        string[] all = [.. lines];
        if (all.Length > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n");
            foreach (string line in all)
            {
                text.Append("- ").Append(line).Append('\n');
            }
        }
    }

    private static string Cell(Spread? spread) => spread switch
    {
        null => "-",
        { } s when s.Low == s.High => Number(s.Median),
        { } s => $"{Number(s.Median)} ({Number(s.Low)} to {Number(s.High)})",
    };

    // Three digits that matter.
    internal static string Number(double value) => Math.Abs(value) switch
    {
        >= 100 => value.ToString("N0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("F1", CultureInfo.InvariantCulture),
        _ => value.ToString("F2", CultureInfo.InvariantCulture),
    };
}
