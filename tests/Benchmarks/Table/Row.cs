namespace ILPreempt.Benchmarks.Table;

/// <summary>Who is measured: ours, and two anchors.</summary>
internal enum Column
{
    ILPreempt,
    Dotnet,
    Go,
}

/// <summary>One line of the table.</summary>
/// <param name="Key">Subject/figure: the name for <c>--only</c>, the JSON and Remarks.</param>
/// <param name="Text">What it is, for the reader.</param>
/// <param name="Unit">Of its figures.</param>
/// <param name="MoreIsBetter">A rate; else less is better.</param>
internal sealed record Row(string Key, string Text, string Unit, bool MoreIsBetter = false)
{
    /// <summary>Too many of a kind for the table; in a chart and in the JSON.</summary>
    public bool PlotOnly { get; init; }
}

/// <summary>The figures of one run, by the last part of their rows' keys.</summary>
/// <param name="Values">What was measured. A figure that is missing stays empty in the table.</param>
/// <param name="Note">What the reader must know of it, such as a run that was cut off.</param>
internal sealed record Answer(IReadOnlyDictionary<string, double> Values, string? Note = null)
{
    public static Answer Of(string key, double value) => new(new Dictionary<string, double> { [key] = value });

    /// <summary>Lines of a key and a number, as the measured programs print them; all others are skipped.</summary>
    public static Answer Parse(string output)
    {
        Dictionary<string, double> values = [];
        foreach (string line in output.Split('\n'))
        {
            if (line.Split(' ') is [string key, string number] && double.TryParse(number, System.Globalization.CultureInfo.InvariantCulture, out double value))
            {
                values[key] = value;
            }
        }

        return new Answer(values);
    }
}

/// <summary>Rows that one run of a program answers together.</summary>
/// <param name="Name">First part of its rows' keys.</param>
/// <param name="Rows">What it answers.</param>
/// <param name="Run">One run for a column; null where the column has no equivalent. True: as short as makes sense.</param>
internal sealed record Subject(string Name, Row[] Rows, Func<Column, bool, Answer?> Run)
{
    /// <summary>How many times each column is run, in turn.</summary>
    public int Rounds { get; init; } = 7;

    /// <summary>No further round begins after this long.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>Median and quartiles.</summary>
/// <param name="Median">The middle one.</param>
/// <param name="Low">A quarter of all are below.</param>
/// <param name="High">A quarter are above.</param>
internal readonly record struct Spread(double Median, double Low, double High)
{
    public static Spread Of(IReadOnlyCollection<double> values) =>
        new(Measure.Percentile(values, 0.5), Measure.Percentile(values, 0.25), Measure.Percentile(values, 0.75));
}

/// <summary>A row with all its samples; index i of each column comes from the same round, NaN where there was no answer.</summary>
internal sealed class Result(Row row)
{
    private readonly Dictionary<Column, List<double>> _samples = Enum.GetValues<Column>().ToDictionary(c => c, _ => new List<double>());

    public Row Row => row;

    public SortedSet<string> Notes { get; } = new(StringComparer.Ordinal);

    public void Add(Column column, double value) => _samples[column].Add(value);

    public IReadOnlyList<double> Samples(Column column) => [.. _samples[column].Where(double.IsFinite)];

    public Spread? Of(Column column) => Samples(column) is { Count: > 0 } values ? Spread.Of(values) : null;

    /// <summary>Ours in relation to an anchor's of the same round, turned over for rates: below 1 we are ahead.</summary>
    public IReadOnlyList<double> Ratios(Column anchor) =>
    [
        .. _samples[Column.ILPreempt].Zip(_samples[anchor], (ours, theirs) => row.MoreIsBetter ? theirs / ours : ours / theirs)
            .Where(r => double.IsFinite(r) && r > 0),
    ];

    public Spread? Ratio(Column anchor) => Ratios(anchor) is { Count: > 0 } values ? Spread.Of(values) : null;

    /// <summary>Behind by more than the spread of the runs: three quarters of the ratios, and their median by 3 %.</summary>
    public bool IsBehind(Column anchor) => Ratio(anchor) is { Median: > 1.03, Low: > 1 };
}
