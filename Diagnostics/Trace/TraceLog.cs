using System.Runtime.InteropServices;
using System.Text;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Diagnostics.Trace;

/// <summary>A file is not a recording, or one of another version; the message is one line.</summary>
public sealed class TraceException : Exception
{
    /// <summary>Creates the exception.</summary>
    public TraceException(string message)
        : base(message)
    {
    }
}

/// <summary>
/// A recording as it lies in its file: the header and the events in order of time. Each ring was drained by itself, so the file is sorted
/// only in pieces. A file that was cut off with its process is read as far as it goes.
/// </summary>
public sealed class TraceLog
{
    private readonly TraceHeader _header;

    internal TraceLog(TraceHeader header, string program, TraceEvent[] events)
    {
        _header = header;
        Program = program;
        IsComplete = events.Any(e => e.Kind == TraceKind.Finish);
        Lost = events.Where(e => e.Kind == TraceKind.Lost).Sum(e => e.Argument);

        // Some may be left over from a recording before. Equal times keep their order: a sort by keys alone would not.
        Events = [.. events.Where(e => e.Time >= header.StartTime || e.Kind == TraceKind.GcPause).OrderBy(e => e.Time)];
        End = Math.Max(Start, Events.Length > 0 ? Events.Max(e => e.Kind == TraceKind.GcPause ? e.Time + e.Argument : e.Time) : Start);
    }

    /// <summary>The program's file name.</summary>
    public string Program { get; }

    /// <summary>Whose events.</summary>
    public int ProcessId => _header.ProcessId;

    /// <summary>The number of Ps when the recording began.</summary>
    public int Processors => _header.Procs;

    /// <summary>When it began, in nanoseconds on the clock of the process.</summary>
    public long Start => _header.StartTime;

    /// <summary>The last moment.</summary>
    public long End { get; }

    /// <summary>The same as <see cref="Start"/> on the wall.</summary>
    public DateTime StartUtc => new(_header.StartUtcTicks, DateTimeKind.Utc);

    /// <summary>The length of a slice in nanoseconds.</summary>
    public long SliceNs => _header.SliceNs;

    /// <summary>How many events found no room.</summary>
    public long Lost { get; }

    /// <summary>False if the recording was cut off.</summary>
    public bool IsComplete { get; }

    /// <summary>How many events there are.</summary>
    public int Count => Events.Length;

    internal TraceEvent[] Events { get; }

    /// <summary>Where goroutines were when their slice ended: addresses of code with how often each was met; 0 for native and unknown code.</summary>
    public IReadOnlyDictionary<ulong, int> SliceEnds()
    {
        Dictionary<ulong, int> ends = [];
        foreach (TraceEvent e in Events)
        {
            bool preempted = e.Kind == TraceKind.Stop && e.Reason != (byte)StopReason.Yield;
            if (preempted || e.Kind == TraceKind.Retake)
            {
                ulong address = preempted ? (ulong)e.Argument : 0;
                ends[address] = ends.GetValueOrDefault(address) + 1;
            }
        }

        return ends;
    }

    /// <summary>Whether the file ends with the mark of a recording that ended in order. False too if it can't be read yet.</summary>
    public static bool IsFinished(string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            TraceEvent last = default;
            Span<byte> bytes = MemoryMarshal.AsBytes(new Span<TraceEvent>(ref last));
            if (file.Length < bytes.Length)
            {
                return false;
            }

            file.Seek(-bytes.Length, SeekOrigin.End);
            return file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length && last.Kind == TraceKind.Finish;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Reads a recording.</summary>
    /// <exception cref="TraceException">The file is not a recording, or one of another version.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static TraceLog Read(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int size = Marshal.SizeOf<TraceHeader>();
        if (bytes.Length < size || MemoryMarshal.Read<TraceHeader>(bytes) is not { Magic: TraceHeader.MagicNumber } header)
        {
            throw new TraceException($"{path} is not a recording");
        }

        if (header.Version != TraceHeader.CurrentVersion)
        {
            throw new TraceException($"{path} is a recording of version {header.Version}, want {TraceHeader.CurrentVersion}");
        }

        int first = size + header.NameLength;
        if (header.NameLength < 0 || first > bytes.Length)
        {
            throw new TraceException($"{path} ends in its header");
        }

        string program = Encoding.UTF8.GetString(bytes, size, header.NameLength);
        int whole = (bytes.Length - first) / Marshal.SizeOf<TraceEvent>() * Marshal.SizeOf<TraceEvent>();
        return new TraceLog(header, program, MemoryMarshal.Cast<byte, TraceEvent>(bytes.AsSpan(first, whole)).ToArray());
    }
}
