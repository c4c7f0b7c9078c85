using System.Globalization;
using ILPreempt.Runtime;

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
        new("slice", "How long a goroutine runs while others wait (default 10ms).", "a duration from 100us to 60s, such as 10ms", text => Settings.TryDuration(text, 100_000, 60_000_000_000, out _)),
        new("maxthreads", "The most OS threads that goroutines may hold (default 10000).", "a number from 1 to 1000000", text => IsNumber(text, 1, 1_000_000)),
        new("stack", "The stack a goroutine may use (default 256M).", "a size from 1M to 1G, such as 256M", IsStack),
        new("schedtrace", "Print the scheduler's state on standard error every so many milliseconds.", "a number of milliseconds up to 3600000", text => IsNumber(text, 0, 3_600_000)),
        new("stress", "Preempt at every n-th check; with a seed, scheduling choices are random.", "N or N:SEED with N up to 1000000", IsStress),
        new("storm", "Stop whoever runs by so many signals a second, due or not (default 0, off).", "a number up to 20000", text => IsNumber(text, 0, Settings.MaxStormHz)),
        new("asyncpreempt", "Whether a signal stops code without checks (default 1).", "0 or 1", text => Settings.TrySwitch(text, out _)),
        new("grace", "How long after a request the signal follows (default 200us).", "a duration from 10us to 1s, such as 200us", text => Settings.TryDuration(text, 10_000, 1_000_000_000, out _)),
        new("signal", "The signal that stops threads (default SIGURG).", "URG, RTMIN+n (n from 2 to 29) or a number from 36 to 63", text => Settings.TrySignal(text, out _)),
        new("wakeup", "Whether a goroutine that slept may end another's slice early (default 1; Go: 0).", "0 or 1", text => Settings.TrySwitch(text, out _)),
        new("deadlock", "What happens when all goroutines are asleep (default report).", "report or exit", text => text is "report" or "exit"),
        new("diagnostics", "Whether tools may look at the process through its socket (default 1).", "0 or 1", text => Settings.TrySwitch(text, out _)),
        new("quit", "What SIGQUIT does: print the goroutines and exit (default), continue, off.", "exit, continue or off", text => Settings.TryQuit(text, out _)),
        new("traceback", "Which goroutines an unhandled exception prints: none (default), single, all.", "none, single or all", text => Settings.TryTraceback(text, out _)),
        new("stall", "Report on standard error who runs that long past its slice and cannot be stopped (default 0, off).", Settings.StallWant, text => Settings.TryStall(text, out _)),
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

    private static bool IsNumber(string text, int low, int high) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= low && value <= high;

    /// <summary>The size in bytes that the text of --stack means.</summary>
    public static bool TryStack(string text, out long bytes) => Settings.TrySize(text, 1 << 20, 1 << 30, out bytes);

    private static bool IsStack(string text) => TryStack(text, out _);

    private static bool IsStress(string text)
    {
        int colon = text.IndexOf(':');
        return colon < 0
            ? IsNumber(text, 0, 1_000_000)
            : IsNumber(text[..colon], 0, 1_000_000) && IsNumber(text[(colon + 1)..], 0, int.MaxValue);
    }
}
