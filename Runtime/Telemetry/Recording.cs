using System.Runtime.InteropServices;
using System.Text;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// The scheduler's events in a file (TraceFormat.cs), for `ilpreempt trace` and `ilpreempt hogs`. Asked for by ILPREEMPT_TRACE at the start,
/// or in a live process by whoever calls Start. The drain thread alone writes; Start hands it an open file, Stop waits until it has closed it.
/// </summary>
internal static class Recording
{
    /// <summary>Where to, and for how long (Settings' duration); both are taken out of the environment, which the program's children inherit.</summary>
    private const string Variable = "ILPREEMPT_TRACE";
    private const string DurationVariable = "ILPREEMPT_TRACE_DURATION";

    private const long LongestNs = 86_400_000_000_000;
    private const long CloseNs = 10_000_000_000;

    private static readonly Lock s_lock = new();
    private static readonly Note s_closed = new();
    private static FileStream? s_file;
    private static string s_path = "";
    private static long s_ends;
    private static long s_written;
    private static long s_lost;
    private static string? s_failure;
    private static bool s_endsWithProcess;

    /// <summary>Begins to record if the environment says so. Once, at the start of the scheduler.</summary>
    internal static void StartIfSet()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } file)
        {
            return;
        }

        string? duration = Environment.GetEnvironmentVariable(DurationVariable);
        Environment.SetEnvironmentVariable(Variable, null);
        Environment.SetEnvironmentVariable(DurationVariable, null);
        long ns = 0;
        if (!string.IsNullOrEmpty(duration) && !Settings.TryDuration(duration, 1_000_000, LongestNs, out ns))
        {
            Libc.WriteError($"ilpreempt: {DurationVariable}={duration} is ignored: want a duration from 1ms, for example 5s\n");
        }

        if (Start(file, ns) is var answer && answer.StartsWith("error", StringComparison.Ordinal))
        {
            Libc.WriteError($"ilpreempt: {Variable}={file} is ignored: {answer["error: ".Length..]}\n");
        }
    }

    /// <summary>
    /// Begins to record into <paramref name="file"/>, for <paramref name="durationNs"/> or (0) until Stop or the end of the process.
    /// The answer is one line; it begins with "error: " if nothing is recorded.
    /// </summary>
    internal static string Start(string file, long durationNs = 0)
    {
        // Not waited for: the caller may hold a lock that the end of a recording needs.
        if (!s_lock.TryEnter())
        {
            return "error: a recording begins or ends at this moment";
        }

        try
        {
            if (Volatile.Read(ref s_file) != null)
            {
                return $"error: events are being recorded into {s_path} already";
            }

            FileStream stream;
            try
            {
                // What a program does is its owner's affair.
                FileStreamOptions options = new()
                {
                    Mode = FileMode.Create,
                    Access = FileAccess.Write,
                    Share = FileShare.ReadWrite | FileShare.Delete,
                    BufferSize = 0,
                };
                if (!OperatingSystem.IsWindows())
                {
                    options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
                }

                stream = new FileStream(file, options);
                WriteHeader(stream);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            {
                return $"error: {file} cannot be written: {e.Message}";
            }

            if (!s_endsWithProcess)
            {
                s_endsWithProcess = true;
                AppDomain.CurrentDomain.ProcessExit += static (_, _) => Stop();
            }

            s_path = file;
            s_written = s_lost = 0;
            s_failure = null;
            s_ends = durationNs > 0 ? Clock.Now() + durationNs : long.MaxValue;
            Volatile.Write(ref s_file, stream);
            TraceDrain.Want(TraceDrain.File);
            return $"recording into {file}";
        }
        finally
        {
            s_lock.Exit();
        }
    }

    /// <summary>Ends the recording, and returns in one line what it came to.</summary>
    internal static string Stop()
    {
        lock (s_lock)
        {
            if (Volatile.Read(ref s_file) != null)
            {
                TraceDrain.Unwant(TraceDrain.File);
                long deadline = Clock.Now() + CloseNs;
                while (Volatile.Read(ref s_file) != null && s_closed.Sleep(deadline))
                {
                }
            }

            return s_failure != null ? $"error: {s_path}: {s_failure}"
                : s_path.Length == 0 ? "error: nothing is recorded"
                : $"{s_written} events in {s_path}, {s_lost} lost";
        }
    }

    /// <summary>The drain thread: adds events to the file, if there is one.</summary>
    internal static void Write(ReadOnlySpan<TraceEvent> events)
    {
        if (Volatile.Read(ref s_file) is not FileStream file)
        {
            return;
        }

        try
        {
            file.Write(MemoryMarshal.AsBytes(events));
            s_written += events.Length;
            foreach (ref readonly TraceEvent e in events)
            {
                s_lost += e.Kind == TraceKind.Lost ? e.Argument : 0;
            }
        }
        catch (IOException e)
        {
            s_failure = e.Message;
            TraceDrain.Unwant(TraceDrain.File);
        }
    }

    /// <summary>The drain thread, when the rings are empty: closes the file if the recording is over.</summary>
    internal static void Round(long now)
    {
        if (Volatile.Read(ref s_file) is not FileStream file)
        {
            return;
        }

        if (now >= s_ends)
        {
            TraceDrain.Unwant(TraceDrain.File);
        }

        if (TraceDrain.IsWanted(TraceDrain.File))
        {
            return;
        }

        Write([new TraceEvent { Time = now, M = -1, P = -1, Kind = TraceKind.Finish }]);
        try
        {
            file.Dispose();
        }
        catch (IOException e)
        {
            s_failure ??= e.Message;
        }

        Volatile.Write(ref s_file, null);
        s_closed.Wakeup();
    }

    private static void WriteHeader(FileStream file)
    {
        byte[] name = Encoding.UTF8.GetBytes(Path.GetFileName(Environment.GetCommandLineArgs()[0]));
        TraceHeader header = new()
        {
            Magic = TraceHeader.MagicNumber,
            Version = TraceHeader.CurrentVersion,
            ProcessId = Environment.ProcessId,
            StartTime = Clock.Now(),
            StartUtcTicks = DateTime.UtcNow.Ticks,
            SliceNs = Settings.SliceNs,
            Procs = Scheduler.Procs,
            NameLength = name.Length,
        };
        file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<TraceHeader>(in header)));
        file.Write(name);
    }
}
