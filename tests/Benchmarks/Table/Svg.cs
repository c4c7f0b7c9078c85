using System.Globalization;
using System.Security;
using System.Text;

namespace ILPreempt.Benchmarks.Table;

/// <summary>One line of a chart, or one set of dots.</summary>
internal sealed record Series(string Name, string Color, IReadOnlyList<double> Values, bool Dashed = false);

/// <summary>
/// Two kinds of charts as SVG text. ScottPlot was tried first: it draws text with the fonts it finds, and on a machine
/// without any, which the SDK's image is, its charts have no words.
/// </summary>
internal static class Svg
{
    private const int Width = 860;

    /// <summary>Values over categories; the vertical axis is logarithmic.</summary>
    public static string Lines(string title, string across, string up, string[] categories, IReadOnlyList<Series> series)
    {
        const int Height = 420, Left = 70, Right = 220, Top = 44, Bottom = 54;
        (double low, double high) = Decades(series);
        double Y(double v) => Height - Bottom - ((Math.Log10(v) - low) / (high - low) * (Height - Top - Bottom));
        double X(int i) => Left + ((i + 0.5) * (Width - Left - Right) / categories.Length);
        StringBuilder svg = Begin(Height, title);
        for (double d = low; d <= high; d++)
        {
            Line(svg, Left, Y(Math.Pow(10, d)), Width - Right, Y(Math.Pow(10, d)), "#ddd");
            Text(svg, Left - 8, Y(Math.Pow(10, d)) + 4, Tick(d), "end");
        }

        for (int i = 0; i < categories.Length; i++)
        {
            Text(svg, X(i), Height - Bottom + 18, categories[i], "middle");
        }

        Text(svg, (Left + Width - Right) / 2.0, Height - 12, across, "middle");
        Text(svg, 8, Top - 10, up, "start");
        double label = Top + 6;
        foreach (Series s in series)
        {
            string points = string.Join(' ', s.Values.Select((v, i) => (v, i)).Where(p => p.v > 0)
                .Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.i):F1},{Y(p.v):F1}")));
            string dash = s.Dashed ? " stroke-dasharray=\"5 4\"" : "";
            svg.Append(CultureInfo.InvariantCulture, $"<polyline points=\"{points}\" fill=\"none\" stroke=\"{s.Color}\" stroke-width=\"2\"{dash}/>\n");
            for (int i = 0; i < s.Values.Count; i++)
            {
                if (s.Values[i] > 0)
                {
                    Dot(svg, X(i), Y(s.Values[i]), s.Color);
                }
            }

            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Width - Right + 14}\" y1=\"{label - 4}\" x2=\"{Width - Right + 38}\" y2=\"{label - 4}\" stroke=\"{s.Color}\" stroke-width=\"2\"{dash}/>\n");
            Text(svg, Width - Right + 44, label, s.Name, "start");
            label += 20;
        }

        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>One row per name with a dot for each series, along a logarithmic axis or one that counts tenths; a heavy line at 1.</summary>
    public static string Dots(string title, string along, IReadOnlyList<string> names, IReadOnlyList<Series> series, bool tenths = false)
    {
        const int Step = 18, Left = 430, Right = 24, Top = 64;
        int height = Top + (names.Count * Step) + 48;
        (double low, double high) = tenths ? Tenths(series) : Decades(series);
        double X(double v) => Left + (((tenths ? v * 10 : Math.Log10(v)) - low) / (high - low) * (Width - Left - Right));
        StringBuilder svg = Begin(height, title);
        int bottom = Top + (names.Count * Step);
        for (double d = low; d <= high; d++)
        {
            double value = tenths ? d / 10 : Math.Pow(10, d);
            Line(svg, X(value), Top, X(value), bottom, value == 1 ? "#555" : "#ddd");
            Text(svg, X(value), bottom + 16, tenths ? value.ToString("F1", CultureInfo.InvariantCulture) : Tick(d), "middle");
        }

        Text(svg, (Left + Width - Right) / 2.0, bottom + 38, along, "middle");
        double key = Left;
        foreach (Series s in series)
        {
            Dot(svg, key + 5, Top - 18, s.Color);
            Text(svg, key + 14, Top - 14, s.Name, "start");
            key += 30 + (s.Name.Length * 7);
        }

        for (int i = 0; i < names.Count; i++)
        {
            double y = Top + ((i + 0.5) * Step);
            Line(svg, Left, y, Width - Right, y, "#f2f2f2");
            Text(svg, Left - 8, y + 4, names[i].Length > 72 ? names[i][..70] + "..." : names[i], "end", 11);
            foreach (Series s in series)
            {
                if (s.Values[i] > 0)
                {
                    Dot(svg, X(s.Values[i]), y, s.Color);
                }
            }
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static (double Low, double High) Decades(IEnumerable<Series> series)
    {
        double[] all = [.. series.SelectMany(s => s.Values).Where(v => v > 0)];
        double low = Math.Floor(Math.Log10(all.Min()));
        double high = Math.Ceiling(Math.Log10(all.Max()));
        return (low, Math.Max(high, low + 1));
    }

    private static (double Low, double High) Tenths(IEnumerable<Series> series)
    {
        double[] all = [.. series.SelectMany(s => s.Values).Where(v => v > 0), 1];
        return (Math.Floor((all.Min() * 10) - 0.5), Math.Ceiling((all.Max() * 10) + 0.5));
    }

    private static string Tick(double decade) => Math.Pow(10, decade).ToString(decade < 0 ? "F" + (-decade).ToString(CultureInfo.InvariantCulture) : "N0", CultureInfo.InvariantCulture);

    private static StringBuilder Begin(int height, string title)
    {
        StringBuilder svg = new();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {height}\" width=\"{Width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{Width}\" height=\"{height}\" fill=\"white\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Width / 2}\" y=\"20\" text-anchor=\"middle\" font-size=\"15\">{SecurityElement.Escape(title)}</text>\n");
        return svg;
    }

    private static void Line(StringBuilder svg, double x1, double y1, double x2, double y2, string color) =>
        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x1:F1}\" y1=\"{y1:F1}\" x2=\"{x2:F1}\" y2=\"{y2:F1}\" stroke=\"{color}\"/>\n");

    private static void Dot(StringBuilder svg, double x, double y, string color) =>
        svg.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{x:F1}\" cy=\"{y:F1}\" r=\"4\" fill=\"{color}\" fill-opacity=\"0.85\"/>\n");

    private static void Text(StringBuilder svg, double x, double y, string text, string anchor, int size = 12) =>
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x:F1}\" y=\"{y:F1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"#222\">{SecurityElement.Escape(text)}</text>\n");
}
