using System.Text.Json;

namespace ILPreempt.Benchmarks.Table;

/// <summary>Everything for programs: each sample, median and quartiles.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions s_options = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public static void Write(string file, Machine machine, IEnumerable<Result> results) =>
        File.WriteAllText(file, JsonSerializer.Serialize(new { machine, rows = results.Select(Describe) }, s_options) + "\n");

    private static object Describe(Result result) => new
    {
        result.Row.Key,
        result.Row.Text,
        result.Row.Unit,
        better = result.Row.MoreIsBetter ? "more" : "less",
        ilpreempt = Figures(result.Of(Column.ILPreempt), result.Samples(Column.ILPreempt)),
        dotnet = Figures(result.Of(Column.Dotnet), result.Samples(Column.Dotnet)),
        go = Figures(result.Of(Column.Go), result.Samples(Column.Go)),
        toDotnet = Figures(result.Ratio(Column.Dotnet), result.Ratios(Column.Dotnet)),
        toGo = Figures(result.Ratio(Column.Go), result.Ratios(Column.Go)),
        notes = result.Notes,
    };

    private static object? Figures(Spread? spread, IReadOnlyList<double> samples) =>
        spread is Spread s ? new { s.Median, lowQuartile = s.Low, highQuartile = s.High, samples } : null;
}
