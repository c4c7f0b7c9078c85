using System.CommandLine;
using System.Globalization;
using ILPreempt.Diagnostics;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Host.Launch;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt top PID</c>: processors, queues and the goroutines that use the CPU, live. The process is not stopped.</summary>
internal static class TopCommand
{
    private static readonly string[] s_states = ["running", "runnable", "waiting", "syscall"];

    public static Command Create()
    {
        Argument<int> process = new("PID") { Description = "The process." };
        Option<int> interval = new("--interval") { Description = "Milliseconds between two looks.", DefaultValueFactory = _ => 1000 };
        Option<int?> count = new("--count") { Description = "How many times (default: until Ctrl-C; once where the output is no terminal)." };
        Option<int> rows = new("--rows") { Description = "How many goroutines are shown.", DefaultValueFactory = _ => 20 };
        Command command = new("top", "Shows what a running process does.") { process, interval, count, rows };
        command.SetAction(parsed => Run(parsed.GetValue(process), Math.Max(50, parsed.GetValue(interval)), parsed.GetValue(count), parsed.GetValue(rows)));
        return command;
    }

    private static int Run(int process, int interval, int? count, int rows)
    {
        bool live = AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;
        int looks = count ?? (live ? int.MaxValue : 1);
        bool stopped = false;
        Console.CancelKeyPress += (_, e) => e.Cancel = stopped = true;
        try
        {
            DoorClient.Ask(process, "latency on");
            Look before = Look.At(process);
            Thread.Sleep(interval);
            if (!live)
            {
                for (int i = 0; i < looks && !stopped; i++)
                {
                    AnsiConsole.Write(Show(process, ref before, rows));
                    Thread.Sleep(i + 1 < looks ? interval : 0);
                }

                return 0;
            }

            AnsiConsole.Live(new Text("")).Start(screen =>
            {
                for (int i = 0; i < looks && !stopped; i++)
                {
                    screen.UpdateTarget(Show(process, ref before, rows));
                    Thread.Sleep(i + 1 < looks ? interval : 0);
                }
            });
            return 0;
        }
        catch (AttachException e)
        {
            throw new UserException(ExitCode.Unavailable, e.Message);
        }
        finally
        {
            StopMeasuring(process);
        }
    }

    // The process may have ended, which is no mistake of the user's.
    private static void StopMeasuring(int process)
    {
        try
        {
            DoorClient.Ask(process, "latency off");
        }
        catch (AttachException)
        {
        }
    }

    private static Rows Show(int process, ref Look before, int count)
    {
        Look now = Look.At(process);
        double seconds = (now.Time - before.Time).TotalSeconds;
        ProcessStatus s = now.Status;
        double Rate(string name, Look old) => (s[name] - old.Status[name]) / seconds;
        Look old = before;
        List<IRenderable> parts =
        [
            new Text(Line($"{process} {s.App}  up {s.Uptime:hh\\:mm\\:ss}  slice {s["slice_us"] / 1000.0} ms  signals {s.Signals}")),
            new Text(Line($"goroutines {s.Goroutines} ({string.Join(", ", s_states.Zip(s.States(s_states), (n, c) => $"{c} {n}"))})  threads {s["threads"]}  global queue {s["runqueue"]}")),
            new Text(Line($"stopped per second: {Rate("preempted_by_check", old):F0} by checks, {Rate("preempted_by_signal", old):F0} by signals; Ps retaken {Rate("retakes", old):F0}")),
        ];
        if (s.Text("latency_us") is string latency)
        {
            parts.Add(new Text(Line($"runnable to running, us (p50 p90 p99 max): {latency}")));
        }

        Table ps = new Table().Border(TableBorder.None).AddColumns("P", "STATUS", "GOROUTINE", "QUEUE", "SLICES/S");
        foreach (ProcessorStatus p in s.Processors)
        {
            long turns = old.Status.Processors.FirstOrDefault(b => b.Id == p.Id)?.Turns ?? p.Turns;
            ps.AddRow($"{p.Id}", p.Status, p.Goroutine == 0 ? "-" : $"{p.Goroutine}", $"{p.Queued}", Line($"{(p.Turns - turns) / seconds:F0}"));
        }

        Table gs = new Table().Border(TableBorder.None).AddColumns("GOROUTINE", "STATE", "CPU %", "CPU MS", "TURNS", "STOPPED", "THREAD");
        foreach ((GoroutineLine g, long cpu) in now.Goroutines.OrderByDescending(g => g.Value.Cpu - old.CpuOf(g.Key)).ThenBy(g => g.Key).Take(count).Select(g => g.Value))
        {
            gs.AddRow($"{g.Id}", Markup.Escape(g.WaitReason.Length > 0 ? g.WaitReason : g.State), Line($"{(cpu - old.CpuOf(g.Id)) / seconds / 1e7:F1}"), Line($"{cpu / 1e6:F0}"), $"{g.Turns}", $"{g.Preempted}", $"{g.Thread}");
        }

        before = now;
        parts.Add(ps);
        parts.Add(gs);
        return new Rows(parts);
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What was seen at one moment.</summary>
    private sealed record Look(DateTime Time, ProcessStatus Status, Dictionary<long, (GoroutineLine Line, long Cpu)> Goroutines)
    {
        public static Look At(int process)
        {
            ProcessStatus status = ProcessStatus.Ask(process);
            Dictionary<long, (GoroutineLine Line, long Cpu)> goroutines = [];
            foreach (GoroutineLine g in ProcessStatus.AskGoroutines(process))
            {
                goroutines[g.Id] = (g, g.Thread == 0 ? 0 : Math.Max(0, ProcessReader.ThreadCpu(process, g.Thread) - g.CpuBaseNs));
            }

            return new Look(DateTime.UtcNow, status, goroutines);
        }

        public long CpuOf(long goroutine) => Goroutines.TryGetValue(goroutine, out var g) ? g.Cpu : 0;
    }
}
