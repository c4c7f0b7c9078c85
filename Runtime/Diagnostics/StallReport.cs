using System.Globalization;
using System.Text;
using ILPreempt.Runtime.Loading;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Runtime.Diagnostics;

/// <summary>
/// Says in one line what keeps goroutines from running: one that ran far past its slice and could not be stopped, a P that was idle
/// while work waited, a lock whose owner lost its turn while others wait for it. On standard error with ILPREEMPT_STALL, through ILogger
/// where the host is composed (ILPREEMPT_LOG), and as an event.
///
/// The thread is one of its own, no part of sysmon: it allocates, sleeps and runs the tool. The stack is taken at once, as
/// bare addresses (the goroutine waits in the signal handler while its frame pointers are read), and named by the tool, which takes
/// half a second: by then the goroutine is elsewhere. Who owns a lock only the tool can find out, so that kind is told only if it is
/// still so when the tool looks. At most one line a second; how many were left out stands in the next.
/// </summary>
internal static unsafe class StallReport
{
    private const long DefaultNs = 100_000_000;
    private const long GapNs = 1_000_000_000;
    private const int ToolSeconds = 10;
    private const int MaxAddresses = 24;

    /// <summary>A thread that is in native code for a moment, reading a clock, say, is in managed code again soon.</summary>
    private const int Attempts = 50;

    private static readonly Note s_note = new();
    private static StallWatch s_watch = new(DefaultNs);
    private static long s_nextLine;
    private static long s_nextLocks;
    private static int s_leftOut;
    private static readonly HashSet<long> s_toldLocks = [];

    /// <summary>Who gets the lines; null: standard error.</summary>
    internal static Action<string>? Told { get; set; }

    /// <summary>Starts the thread if anybody wants to read what it finds.</summary>
    internal static void StartIfSet()
    {
        if (Settings.StallNs > 0 || HostLog.IsOn)
        {
            s_watch = new StallWatch(Settings.StallNs > 0 ? Settings.StallNs : DefaultNs);
            new Thread(Run, 256 * 1024) { IsBackground = true, Name = "ILPreempt stall" }.UnsafeStart();
        }
    }

    private static void Run()
    {
        while (true)
        {
            s_note.Sleep(Clock.Now() + (s_watch.LimitNs / 4));
            Round(Clock.Now());
        }
    }

    private static void Round(long now)
    {
        P[] all = Scheduler.AllP;
        bool waits = Scheduler.SomebodyWaits();
        long turns = 0, queued = Scheduler.RunQ.Count;
        for (int i = 0; i < all.Length; i++)
        {
            P p = all[i];
            turns += p.SchedTick;
            queued += p.RunQueue.Count;
            M? m = p.Status == PStatus.Running ? p.M : null;
            bool past = m?.CurG != null && waits && now >= p.SliceStart + Settings.SliceNs;
            long over = s_watch.PastSlice(i, past ? Clock.ThreadCpu(m!.Tid) : -1, p.SchedTick, p.SliceStart);
            if (over > 0 && m is M at && at.CurG is G g && MayTell(now))
            {
                Tell(now, g.Id, $"goroutine {g.Id} ran {Milliseconds(over)} ms past its slice and could not be stopped{Stack(at, g)}");
            }
        }

        if (s_watch.IdleBesideWork(now, Volatile.Read(ref Scheduler.NPIdle), queued, turns) is long idle and > 0 && MayTell(now))
        {
            Tell(now, 0, $"{Volatile.Read(ref Scheduler.NPIdle)} of {all.Length} processors idle for {Milliseconds(idle)} ms while {queued} goroutines waited to run");
        }

        if (now >= s_nextLocks && SomebodyWaitsForALock(now))
        {
            s_nextLocks = now + GapNs;
            TellLocks();
        }
    }

    // Each wait is told once.
    private static bool SomebodyWaitsForALock(long now)
    {
        bool found = false;
        HashSet<long> waiting = [];
        foreach (G g in AllGs.Snapshot())
        {
            if (g.Status is GStatus.Waiting or GStatus.Syscall && g.WaitReason == WaitReason.MonitorEnter && now - g.WaitSince >= s_watch.LimitNs)
            {
                waiting.Add(g.Id);
                found |= !s_toldLocks.Contains(g.Id);
            }
        }

        s_toldLocks.IntersectWith(waiting);
        return found;
    }

    private static void TellLocks()
    {
        if (Tool.CommandLine("explain", "--locks") is not string[] line || Tool.Ask(line, ToolSeconds) is not string found)
        {
            return;
        }

        foreach (string stall in found.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int space = stall.IndexOf(' ');
            if (space > 0 && long.TryParse(stall.AsSpan(0, space), NumberStyles.None, CultureInfo.InvariantCulture, out long id) && !s_toldLocks.Contains(id) && MayTell(Clock.Now()))
            {
                s_toldLocks.Add(id);
                Tell(Clock.Now(), id, stall[(space + 1)..]);
            }
        }
    }

    private static bool MayTell(long now)
    {
        if (now < s_nextLine)
        {
            s_leftOut++;
            return false;
        }

        s_nextLine = now + GapNs;
        return true;
    }

    private static void Tell(long now, long goroutine, string what)
    {
        string line = s_leftOut > 0 ? $"{what} ({s_leftOut} more since the last line)" : what;
        s_leftOut = 0;
        SchedulerEventSource.TellStall(now, goroutine, line);
        if (Told is { } told)
        {
            told($"stall: {line}");
        }
        else
        {
            Libc.WriteError($"ilpreempt: stall: {line}\n");
        }
    }

    private static string Stack(M m, G g)
    {
        if (!AsyncPreempt.Enabled)
        {
            return "; its stack is not known: signals are off";
        }

        nuint* addresses = stackalloc nuint[MaxAddresses];
        var stackOf = (delegate* unmanaged<MSlot*, nuint*, int, int>)NativeHelper.Export("ilp_stack_of");
        int count = 0;
        for (int i = 0; i < Attempts && count == 0 && m.CurG == g; i++)
        {
            count = stackOf(m.Slot, addresses, MaxAddresses);
        }

        GC.KeepAlive(m);
        if (count == 0 || m.CurG != g)
        {
            return "; its stack is not known: it is in native code or has gone on";
        }

        StringBuilder list = new();
        for (int i = 0; i < count; i++)
        {
            list.Append(i == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $"{addresses[i]:x}");
        }

        string? names = Tool.CommandLine("explain", "--addresses", list.ToString()) is string[] line ? Tool.Ask(line, ToolSeconds)?.Trim() : null;
        return $": {(string.IsNullOrEmpty(names) ? list.ToString() : names)}";
    }

    private static string Milliseconds(long ns) => (ns / 1_000_000).ToString(CultureInfo.InvariantCulture);
}

/// <summary>What StallReport remembers between two looks, and when that is a stall.</summary>
internal sealed class StallWatch(long limitNs)
{
    private (uint Turn, long Start, long Cpu)[] _past = [];
    private const long Told = long.MaxValue;
    private long _idleSince = -1;
    private long _turns;

    internal long LimitNs => limitNs;

    /// <summary>
    /// For how long P <paramref name="p"/>'s goroutine has been running past its slice, told once for each; 0 if that is no stall. In CPU
    /// time: on a busy machine a thread may be on no CPU for long, and then nobody could stop it and nobody has to.
    /// </summary>
    /// <param name="p">The processor.</param>
    /// <param name="cpu">What the goroutine's thread has used; -1: it is not past its slice, or nobody waits.</param>
    /// <param name="turn">With <paramref name="start"/>: which slice.</param>
    /// <param name="start">When the slice began.</param>
    internal long PastSlice(int p, long cpu, uint turn, long start)
    {
        if (p >= _past.Length)
        {
            Array.Resize(ref _past, p + 1);
        }

        ref (uint Turn, long Start, long Cpu) seen = ref _past[p];
        if (cpu < 0 || (seen.Turn, seen.Start) != (turn, start))
        {
            seen = cpu < 0 ? default : (turn, start, cpu);
            return 0;
        }

        long over = cpu - seen.Cpu;
        if (seen.Cpu == Told || over < limitNs)
        {
            return 0;
        }

        seen.Cpu = Told;
        return over;
    }

    /// <summary>For how long a P has been idle while goroutines waited and no P began a turn; told once, 0 if that is no stall.</summary>
    internal long IdleBesideWork(long now, int idle, long queued, long turns)
    {
        bool told = _idleSince == long.MaxValue;
        if (idle == 0 || queued == 0 || turns != _turns)
        {
            _idleSince = -1;
            _turns = turns;
            return 0;
        }

        if (_idleSince < 0)
        {
            _idleSince = now;
        }

        if (told || now - _idleSince < limitNs)
        {
            return 0;
        }

        long since = now - _idleSince;
        _idleSince = long.MaxValue;
        return since;
    }
}
