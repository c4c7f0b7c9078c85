using System.Globalization;

namespace ILPreempt.Benchmarks;

/// <summary>Percentiles, medians and table cells.</summary>
internal static class Measure
{
    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))];
    }

    public static double Median(IEnumerable<double> values) => Percentile(values, 0.5);

    public static string Cell(double value) => value.ToString(value >= 100 ? "F0" : "F2", CultureInfo.InvariantCulture);
}
