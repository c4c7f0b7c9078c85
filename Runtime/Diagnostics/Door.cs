using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using ILPreempt.Runtime.Loading;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Runtime.Diagnostics;

/// <summary>
/// The managed side of the door (native/door.c): the commands that need the scheduler. A command is a line of words; the answer is
/// lines, the first of them <c>ok</c> or <c>error</c> and one sentence. It runs on the door's own thread, which has no M and may be
/// asked while the world stands still, so a command must not wait for a goroutine.
/// </summary>
internal static unsafe class Door
{
    // Only the door's thread touches it.
    private static LatencySnapshot? s_latency;

    /// <summary>What the socket is called; tools look for the same name.</summary>
    internal static string PathOf(int process, string? folder) =>
        Path.Combine(string.IsNullOrEmpty(folder) ? "/tmp" : folder, $"ilpreempt-{process}-socket");

    /// <summary>Opens it, once, unless the user does not want it or the helper is missing.</summary>
    internal static void Open()
    {
        if (!Settings.Diagnostics || NativeHelper.TryLoad() != null)
        {
            return;
        }

        PrepareQuit();
        fixed (byte* path = Bytes(PathOf(Environment.ProcessId, Environment.GetEnvironmentVariable("TMPDIR"))))
        {
            var open = (delegate* unmanaged<byte*, TableHeader*, delegate* unmanaged<byte*, int, int, void>, int>)NativeHelper.Export("ilp_open_door");
            int error = open(path, Table.Header, &Answer);
            if (error != 0)
            {
                HostLog.Write($"there is no socket for tools: error {-error}");
            }
        }
    }

    /// <summary>SIGQUIT prints the goroutines: by the tool, which is there when the host is.</summary>
    private static void PrepareQuit()
    {
        if (Settings.Quit == QuitMode.Off || Tool.CommandLine("dump") is not string[] line)
        {
            return;
        }

        byte** program = Tool.Strings(line);
        var onQuit = (delegate* unmanaged<byte**, int, int>)NativeHelper.Export("ilp_on_quit");
        _ = onQuit(program, Settings.Quit == QuitMode.Continue ? 1 : 0);
    }

    [UnmanagedCallersOnly]
    private static void Answer(byte* text, int length, int connection)
    {
        string answer;
        try
        {
            answer = Run(Encoding.UTF8.GetString(text, length));
        }
        catch (Exception e)
        {
            // An exception must not reach the native caller.
            answer = $"error {e.Message}\n";
        }

        byte[] bytes = Encoding.UTF8.GetBytes(answer);
        fixed (byte* first = bytes)
        {
            for (nint sent = 0; sent < bytes.Length;)
            {
                nint n = Libc.Write(connection, first + sent, bytes.Length - sent);
                if (n <= 0)
                {
                    return;
                }

                sent += n;
            }
        }
    }

    /// <summary>One command and its answer.</summary>
    internal static string Run(string command)
    {
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words switch
        {
            ["status"] => Status(),
            ["goroutines"] => Goroutines(),
            ["latency", "on"] => Latency(on: true),
            ["latency", "off"] => Latency(on: false),
            ["trace", string duration, ..] => Trace(duration, command),
            ["set", .. string[] changes] when changes.Length > 0 => Set(changes),
            _ => "error there is no such command\n",
        };
    }

    private static string Status()
    {
        int[] states = new int[(int)GStatus.Preempted + 1];
        foreach (G g in AllGs.Snapshot())
        {
            states[(int)g.Status]++;
        }

        StringBuilder text = new("ok\n");
        long now = Clock.Now();
        Line("app", AppDomain.CurrentDomain.FriendlyName);
        Line("uptime_ms", (now - Table.Header->StartedAt) / 1_000_000);
        Line("maxprocs", Scheduler.Procs);
        Line("idleprocs", Volatile.Read(ref Scheduler.NPIdle));
        Line("slice_us", Settings.SliceNs / 1000);
        Line("goroutines", AllGs.Count);
        for (int i = 0; i < states.Length; i++)
        {
            if (states[i] > 0)
            {
                Line("state", $"{((GStatus)i).ToString().ToLowerInvariant()} {states[i]}");
            }
        }

        Line("threads", AllMs.Count);
        Line("runqueue", Scheduler.RunQ.Count);
        foreach (P p in Scheduler.AllP)
        {
            Line("p", $"{p.Id} {p.Status.ToString().ToLowerInvariant()} {p.M?.CurG?.Id ?? 0} {p.RunQueue.Count} {p.SchedTick}");
        }

        Line("preempted_by_check", Volatile.Read(ref Scheduler.PreemptionsByCheck));
        Line("preempted_by_signal", Volatile.Read(ref Scheduler.PreemptionsBySignal));
        Line("retakes", SysMon.Retakes);
        Line("adoptions", Volatile.Read(ref Adoption.Adoptions));
        Line("signals", AsyncPreempt.Reason is string reason ? $"off: {reason}" : "on");
        if (s_latency is LatencySnapshot before)
        {
            s_latency = ScheduleLatency.Snapshot();
            LatencySnapshot since = s_latency.Since(before);
            Line("latency_us", $"{since.P50 / 1000} {since.P90 / 1000} {since.P99 / 1000} {since.Max / 1000}");
        }

        return text.ToString();

        void Line(string name, object value) => text.Append(name).Append(' ').AppendLine(string.Create(CultureInfo.InvariantCulture, $"{value}"));
    }

    // id, parent, status, wait reason (with _ for spaces, - for none), since when in ns (0: does not wait), thread, its CPU time in ns
    // when the goroutine started, turns, stops by check, by signal.
    private static string Goroutines()
    {
        StringBuilder text = new("ok\n");
        long now = Clock.Now();
        foreach (G g in AllGs.Snapshot())
        {
            GRow row = *g.Row;
            GC.KeepAlive(g);
            GStatus status = (GStatus)row.Status;
            bool waits = status is GStatus.Waiting or GStatus.Syscall;
            string reason = ((WaitReason)row.WaitReason).Text().Replace(' ', '_');
            text.AppendLine(CultureInfo.InvariantCulture, $"{row.Id} {row.ParentId} {status.ToString().ToLowerInvariant()} {(waits && reason.Length > 0 ? reason : "-")} {(waits && row.WaitSince != 0 ? Math.Max(0, now - row.WaitSince) : 0)} {row.Tid} {row.CpuBase} {row.Turns} {row.PreemptedByCheck} {row.PreemptedBySignal}");
        }

        return text.ToString();
    }

    /// <summary>Whether a status tells how long goroutines waited for a processor since the status before.</summary>
    private static string Latency(bool on)
    {
        if (on == (s_latency == null))
        {
            (on ? (Action)ScheduleLatency.Enable : ScheduleLatency.Disable)();
            s_latency = on ? ScheduleLatency.Snapshot() : null;
        }

        return "ok\n";
    }

    /// <summary>Begins to record for that long into the file that stands behind it; its name may hold spaces.</summary>
    private static string Trace(string duration, string command)
    {
        const long Day = 86_400_000_000_000;
        string file = command[(command.IndexOf(duration, StringComparison.Ordinal) + duration.Length)..].Trim();
        if (!Settings.TryDuration(duration, 1_000_000, Day, out long ns) || file.Length == 0)
        {
            return "error trace wants a duration and a file, for example trace 5s /tmp/events\n";
        }

        string answer = Recording.Start(file, ns);
        return answer.StartsWith("error: ", StringComparison.Ordinal) ? $"error {answer[7..]}\n" : $"ok\n{answer}\n";
    }

    /// <summary>All changes or none.</summary>
    private static string Set(string[] changes)
    {
        List<Action> apply = [];
        foreach (string change in changes)
        {
            int equals = change.IndexOf('=');
            string name = equals < 0 ? change : change[..equals];
            string value = equals < 0 ? "" : change[(equals + 1)..];
            switch (name)
            {
                case "maxprocs" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n is >= 1 and <= 1024:
                    apply.Add(() => Scheduler.GoMaxProcs(n));
                    break;
                case "slice" when Settings.TryDuration(value, 100_000, 60_000_000_000, out long ns):
                    apply.Add(() => Settings.SliceNs = ns);
                    break;
                case "wakeup" when Settings.TrySwitch(value, out bool on):
                    apply.Add(() => Settings.Wakeup = on);
                    break;
                default:
                    return $"error {change}: want maxprocs=1..1024, slice=100us..60s or wakeup=0|1\n";
            }
        }

        apply.ForEach(a => a());
        SysMon.Poke();
        return $"ok\nmaxprocs {Scheduler.Procs}\nslice_us {Settings.SliceNs / 1000}\nwakeup {(Settings.Wakeup ? 1 : 0)}\n";
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text + '\0');
}
