using System.Globalization;

namespace ILPreempt.Host.Launch;

/// <summary>
/// One setting of the runtime: an option of <c>run</c> and, with the same meaning, an ILPREEMPT_* variable. The launcher only
/// checks the text, so that a mistake is told before the program starts; the runtime reads the variable.
/// </summary>
internal sealed class Setting
{
    private readonly string _want;
    private readonly Func<string, bool> _isValid;

    private Setting(string name, string description, string want, Func<string, bool> isValid)
    {
        OptionName = "--" + name;
        Variable = "ILPREEMPT_" + name.ToUpperInvariant();
        Description = description;
        _want = want;
        _isValid = isValid;
    }

    public static Setting[] All { get; } =
    [
        new("maxprocs", "How many goroutines run at once (default: the CPUs this process may use).", "a number from 1 to 1024", text => IsNumber(text, 1, 1024)),
        new("slice", "How long a goroutine runs while others wait, from 100us up (default 10ms).", "a duration of at least 100us, such as 10ms or 500us", text => IsDuration(text, 100)),
        new("maxthreads", "The most OS threads the scheduler may hold (default 10000).", "a number from 4 to 1000000", text => IsNumber(text, 4, 1_000_000)),
        new("stack", "The stack a goroutine may use, such as 256M (default); at most 1G.", "a size from 1M to 1G, such as 256M", text => IsSize(text, 1 << 20, 1 << 30)),
        new("schedtrace", "Print the scheduler's state on standard error every so often, such as 1000ms.", "a duration such as 1000 (milliseconds) or 1s", text => IsDuration(text, 1000)),
        new("stress", "Preempt at every n-th check; N or N:SEED.", "N or N:SEED with N at least 1", IsStress),
        new("cache", "The folder for woven assemblies (default: ~/.cache/ilpreempt).", "a folder", text => text.Length > 0),
    ];

    /// <summary>As given to <c>run</c>.</summary>
    public string OptionName { get; }

    /// <summary>As found in the environment.</summary>
    public string Variable { get; }

    public string Description { get; }

    /// <summary>Throws the one line that names <paramref name="origin"/> and what it has to be.</summary>
    public void Validate(string origin, string value)
    {
        if (!_isValid(value))
        {
            throw new UserException(ExitCode.Usage, $"{origin}: '{value}' is not {_want}.");
        }
    }

    /// <summary>A duration in microseconds: a number with ns, us, ms or s; a bare number is milliseconds.</summary>
    internal static bool TryDuration(string text, out double microseconds)
    {
        (string number, double unit) = text switch
        {
            _ when text.EndsWith("us", StringComparison.Ordinal) => (text[..^2], 1.0),
            _ when text.EndsWith("ms", StringComparison.Ordinal) => (text[..^2], 1e3),
            _ when text.EndsWith("ns", StringComparison.Ordinal) => (text[..^2], 1e-3),
            _ when text.EndsWith('s') => (text[..^1], 1e6),
            _ => (text, 1e3),
        };
        bool parsed = double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value);
        microseconds = value * unit;
        return parsed;
    }

    /// <summary>A size in bytes: a number with K, M or G (powers of 1024, an optional B or iB after it), or bare bytes.</summary>
    internal static bool TrySize(string text, out long bytes)
    {
        string number = text.EndsWith("iB", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('B') ? text[..^1] : text;
        int shift = number.Length == 0 ? 0 : char.ToUpperInvariant(number[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
        bool parsed = long.TryParse(shift == 0 ? number : number[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out bytes);
        bytes = parsed && bytes <= long.MaxValue >> shift ? bytes << shift : 0;
        return parsed;
    }

    private static bool IsNumber(string text, int low, int high) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= low && value <= high;

    private static bool IsDuration(string text, double lowMicroseconds) => TryDuration(text, out double value) && value >= lowMicroseconds;

    private static bool IsSize(string text, long low, long high) => TrySize(text, out long value) && value >= low && value <= high;

    private static bool IsStress(string text)
    {
        int colon = text.IndexOf(':');
        return colon < 0
            ? IsNumber(text, 1, int.MaxValue)
            : IsNumber(text[..colon], 1, int.MaxValue) && IsNumber(text[(colon + 1)..], 0, int.MaxValue);
    }
}
