namespace ILPreempt.Benchmarks.Table;

/// <summary>Which charts there are. One is drawn when all the rows it needs were measured.</summary>
internal static class Plots
{
    private static readonly (Column Column, string Name, string Color)[] s_columns =
        [(Column.ILPreempt, "ILPreempt", "#c0392b"), (Column.Dotnet, "dotnet", "#5b4bb5"), (Column.Go, "Go", "#1289a7")];

    public static IReadOnlyList<(string File, string Title)> Write(string folder, IReadOnlyList<Result> results)
    {
        Directory.CreateDirectory(folder);
        List<(string, string)> written = [];
        Ratios();
        Over("wakeup", "How late a sleeper of 1 ms wakes", "hogs", "ms", ["1", "4", "16", "64"], n => $"wakeup-{n}", ["p50", "p99"]);
        Over("requests", "Latency of a ping while requests compute", "requests that compute", "ms", ["1", "10", "100"], n => $"server-{n}", ["p50", "p99"]);
        Over("slices", "Work of four hogs", "length of a slice", "million steps/s", ["100us", "1ms", "10ms"], n => $"slice-{n}", ["rate"]);
        Over("gc", "Pause of a collection beside hogs", "hogs", "us", ["0", "8", "63"], n => $"gc-{n}", ["us"]);
        Kernels();
        return written;

        void Ratios()
        {
            Result[] shown = [.. results.Where(r => !r.Row.PlotOnly && (r.Ratio(Column.Dotnet) ?? r.Ratio(Column.Go)) is not null)];
            if (shown.Length > 0)
            {
                Add("ratios.svg", "ILPreempt in relation to its anchors", Svg.Dots(
                    "ILPreempt in relation to its anchors",
                    "left of 1: ILPreempt is ahead",
                    [.. shown.Select(r => r.Row.Text)],
                    [.. s_columns.Skip(1).Select(c => new Series("to " + c.Name, c.Color, [.. shown.Select(r => r.Ratio(c.Column)?.Median ?? 0)]))]));
            }
        }

        void Over(string name, string title, string across, string up, string[] categories, Func<string, string> subject, string[] figures)
        {
            List<Series> series = [];
            foreach (var column in s_columns)
            {
                foreach (string figure in figures)
                {
                    double[] values = [.. categories.Select(c => results.FirstOrDefault(r => r.Row.Key == $"{subject(c)}/{figure}")?.Of(column.Column)?.Median ?? 0)];
                    if (values.Count(v => v > 0) > 1)
                    {
                        string suffix = figure switch { "p50" => ", median", "p99" => ", 99th percentile", _ => "" };
                        series.Add(new Series(column.Name + suffix, column.Color, values, Dashed: figure == "p50"));
                    }
                }
            }

            if (series.Count > 0)
            {
                Add(name + ".svg", title, Svg.Lines(title, across, up, categories, series));
            }
        }

        void Kernels()
        {
            Result[] kernels = [.. results.Where(r => r.Row.PlotOnly && r.Of(Column.ILPreempt) is not null)];
            if (kernels.Length > 0)
            {
                Add("kernels.svg", "Time of woven kernels, plain is 1", Svg.Dots(
                    "Time of woven kernels, plain is 1",
                    "woven / plain, one goroutine",
                    [.. kernels.Select(r => r.Row.Text)],
                    [new Series("woven / plain", s_columns[0].Color, [.. kernels.Select(r => r.Of(Column.ILPreempt)!.Value.Median)])],
                    tenths: true));
            }
        }

        void Add(string file, string title, string svg)
        {
            File.WriteAllText(Path.Combine(folder, file), svg);
            written.Add((file, title));
        }
    }
}
