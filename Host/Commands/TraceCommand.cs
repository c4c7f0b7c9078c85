using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using ILPreempt.Diagnostics;
using ILPreempt.Diagnostics.Trace;
using ILPreempt.Host.Launch;
using ILPreempt.Runtime;

namespace ILPreempt.Host.Commands;

/// <summary>
/// <c>ilpreempt trace PID|-- App.dll args</c>: records the scheduler's events and writes them as a trace for Chrome and Perfetto and as
/// an HTML timeline. What stands behind the dashes is a command line of <c>run</c>; that program's streams, signals and exit code are
/// passed on.
/// </summary>
internal static class TraceCommand
{
    public const string Name = "trace";

    private static readonly Argument<int?> s_process = new("PID")
    {
        Description = "A process that runs already. Or: -- and what `run` would be given.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string> s_output = new("--output", "-o") { Description = "The trace (default trace.json).", DefaultValueFactory = _ => "trace.json" };
    private static readonly Option<string?> s_html = new("--html") { Description = "An HTML timeline, too." };
    private static readonly Option<string?> s_duration = new("--duration") { Description = "For how long (default: 5s of a PID, all of a program)." };

    public static Command Create()
    {
        Command command = new(Name, "Records the scheduler's events, for Perfetto or a browser.") { s_process, s_output, s_html, s_duration };
        command.SetAction(Run);
        return command;
    }

    /// <summary>Reads the text of --duration, a duration or a number of seconds.</summary>
    public static TimeSpan? ReadDuration(string? text)
    {
        if (text is null)
        {
            return null;
        }

        const long Day = 86_400_000_000_000;
        return Settings.TryDuration(text, 1_000_000, Day, out long ns) || Settings.TryDuration(text + "s", 1_000_000, Day, out ns)
            ? TimeSpan.FromMicroseconds(ns / 1000)
            : throw new UserException(ExitCode.Usage, $"--duration: '{text}' is not a duration from 1ms to 86400s, such as 5s.");
    }

    /// <summary>Calls <paramref name="use"/> with the name of a file for a recording that does not exist yet; it is gone afterwards.</summary>
    public static T WithTemporaryFile<T>(Func<string, T> use)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("ilpreempt-trace-");
        try
        {
            return use(Path.Combine(folder.FullName, "events"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static int Run(ParseResult parsed)
    {
        Outputs outputs = new(parsed.GetValue(s_output)!, parsed.GetValue(s_html), parsed.InvocationConfiguration.Error);
        TimeSpan? duration = ReadDuration(parsed.GetValue(s_duration));
        int? process = parsed.GetValue(s_process);
        string[] program = GuestArguments.Current;
        if ((process is null) == (program.Length == 0))
        {
            throw new UserException(ExitCode.Usage, "trace: give either a PID, or -- and a program with its arguments.");
        }

        outputs.Check();
        return WithTemporaryFile(file => process is int pid ? Live(pid, file, duration ?? TimeSpan.FromSeconds(5), outputs) : Start(program, file, duration, outputs));
    }

    private static int Live(int pid, string file, TimeSpan duration, Outputs outputs)
    {
        try
        {
            LiveRecording.Record(pid, file, duration);
        }
        catch (AttachException e)
        {
            throw new UserException(ExitCode.Unavailable, e.Message);
        }

        outputs.Write(file);
        return 0;
    }

    private static int Start(string[] program, string file, TimeSpan? duration, Outputs outputs)
    {
        ProcessStartInfo info = new(Environment.ProcessPath!, [RunCommand.Name, .. program]) { UseShellExecute = false };
        info.Environment["ILPREEMPT_TRACE"] = file;
        if (duration is TimeSpan limit)
        {
            info.Environment["ILPREEMPT_TRACE_DURATION"] = limit.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture) + "ms";
        }

        using Process child = Process.Start(info)!;

        // Of what the terminal sends the child gets its own; what is sent to this process alone is passed on.
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using PosixSignalRegistration quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, context => context.Cancel = true);
        using PosixSignalRegistration end = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            Native.Terminate(child.Id);
        });
        bool written = false;
        while (!child.WaitForExit(TimeSpan.FromMilliseconds(100)))
        {
            if (duration is not null && !written && TraceLog.IsFinished(file))
            {
                written = true;
                outputs.Write(file);
            }
        }

        // A program that could not be run has said why.
        if (!written && File.Exists(file))
        {
            outputs.Write(file);
        }

        return child.ExitCode;
    }

    /// <summary>The files to write.</summary>
    private sealed class Outputs(string json, string? html, TextWriter messages)
    {
        /// <summary>A mistake is told before the program has run.</summary>
        public void Check()
        {
            foreach (string file in html is null ? [json] : new[] { json, html })
            {
                Create(file, _ => { });
            }
        }

        public void Write(string recording)
        {
            TraceLog log;
            try
            {
                log = TraceLog.Read(recording);
            }
            catch (TraceException)
            {
                throw new UserException(ExitCode.Data, "trace: the program ended before anything was recorded.");
            }

            Timeline timeline = new(log);
            Create(json, output => ChromeTrace.Write(timeline, output));
            if (html is not null)
            {
                Create(html, output => HtmlTimeline.Write(timeline, output));
            }

            messages.WriteLine($"ilpreempt: {log.Count} events in {json}{(html is null ? "" : " and " + html)}, {log.Lost} lost{(log.IsComplete ? "" : "; the process was killed, its last events are missing")}");
        }

        private static void Create(string file, Action<Stream> write)
        {
            try
            {
                using FileStream stream = File.Create(file);
                write(stream);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new UserException(ExitCode.CannotCreate, $"{file}: cannot be written: {e.Message}");
            }
        }
    }
}
