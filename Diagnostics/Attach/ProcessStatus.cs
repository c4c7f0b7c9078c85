using System.Globalization;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>A processor in a status.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Status">idle, running, syscall, scheduling, gcstop, preempted.</param>
/// <param name="Goroutine">Who runs on it, 0 for nobody.</param>
/// <param name="Queued">How many wait in its own queue.</param>
/// <param name="Turns">How many slices it has begun.</param>
public sealed record ProcessorStatus(int Id, string Status, long Goroutine, int Queued, long Turns);

/// <summary>A goroutine in the short list of a live process, without a stack.</summary>
/// <param name="Id">Its id.</param>
/// <param name="State">running, runnable, waiting, syscall...</param>
/// <param name="WaitReason">Why it waits, or empty.</param>
/// <param name="Thread">The OS thread, 0 before it starts.</param>
/// <param name="CpuBaseNs">What that thread had used when it started.</param>
/// <param name="Turns">How often it was given a processor.</param>
/// <param name="Preempted">How often it was stopped, by checks and signals.</param>
public sealed record GoroutineLine(long Id, string State, string WaitReason, int Thread, long CpuBaseNs, long Turns, long Preempted);

/// <summary>What a hosted process says of itself in an instant, without being stopped. Numbers may not belong to one moment.</summary>
public sealed class ProcessStatus
{
    private readonly Dictionary<string, string> _values = [];
    private readonly Dictionary<string, int> _states = [];
    private readonly List<ProcessorStatus> _processors = [];

    private ProcessStatus(string text)
    {
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ', 2);
            string value = words.Length > 1 ? words[1] : "";
            string[] parts = value.Split(' ');
            if (words[0] == "state" && parts.Length == 2)
            {
                _states[parts[0]] = (int)Number(parts[1]);
            }
            else if (words[0] == "p" && parts.Length == 5)
            {
                _processors.Add(new ProcessorStatus((int)Number(parts[0]), parts[1], Number(parts[2]), (int)Number(parts[3]), Number(parts[4])));
            }
            else
            {
                _values[words[0]] = value;
            }
        }
    }

    /// <summary>The program's name.</summary>
    public string App => _values.GetValueOrDefault("app", "");

    /// <summary>Since the scheduler started.</summary>
    public TimeSpan Uptime => TimeSpan.FromMilliseconds(this["uptime_ms"]);

    /// <summary>The number of processors.</summary>
    public int MaxProcs => (int)this["maxprocs"];

    /// <summary>How many goroutines there are.</summary>
    public int Goroutines => (int)this["goroutines"];

    /// <summary>Whether signals are used, and if not, why.</summary>
    public string Signals => _values.GetValueOrDefault("signals", "");

    /// <summary>Each processor.</summary>
    public IReadOnlyList<ProcessorStatus> Processors => _processors;

    /// <summary>Any number by its name, 0 if the process does not tell it.</summary>
    public long this[string name] => _values.TryGetValue(name, out string? text) ? Number(text) : 0;

    /// <summary>Any value by its name, null if the process does not tell it.</summary>
    public string? Text(string name) => _values.GetValueOrDefault(name);

    /// <summary>How many goroutines are in each of the states.</summary>
    public IEnumerable<string> States(params IEnumerable<string> names) => names.Select(n => $"{_states.GetValueOrDefault(n)}");

    /// <summary>Asks a process.</summary>
    /// <exception cref="AttachException">It has no socket, or does not answer.</exception>
    public static ProcessStatus Ask(int process) => new(DoorClient.Ask(process, "status"));

    /// <summary>Asks a process for the short list of its goroutines.</summary>
    /// <exception cref="AttachException">It has no socket, or does not answer.</exception>
    public static IReadOnlyList<GoroutineLine> AskGoroutines(int process)
    {
        List<GoroutineLine> lines = [];
        foreach (string line in DoorClient.Ask(process, "goroutines").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] w = line.Split(' ');
            if (w.Length == 10)
            {
                lines.Add(new GoroutineLine(Number(w[0]), w[2], w[3] == "-" ? "" : w[3].Replace('_', ' '), (int)Number(w[5]), Number(w[6]), Number(w[7]), Number(w[8]) + Number(w[9])));
            }
        }

        return lines;
    }

    private static long Number(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : 0;
}
