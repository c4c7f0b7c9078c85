using System.Text;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>The scheduler's state as text, in the format that Go's GODEBUG=schedtrace prints.</summary>
internal static unsafe class SchedTrace
{
    private static readonly long s_start = Clock.Now();

    /// <summary>In the order of AsyncRefusal.</summary>
    internal static readonly string[] Refusals = ["native", "unknown", "runtime", "region", "stack", "masked"];
    private static readonly long[] s_endedRefusals = new long[MSlot.Refusals];
    private static long s_endedReleases;

    /// <summary>One line: SCHED ms, Ps, threads, queues; after Go's fields how goroutines were stopped.</summary>
    internal static string Line(long now)
    {
        P[] all = Scheduler.AllP;
        StringBuilder text = new(256);
        text.Append("SCHED ").Append((now - s_start) / 1_000_000).Append("ms: gomaxprocs=").Append(all.Length)
            .Append(" idleprocs=").Append(Volatile.Read(ref Scheduler.NPIdle))
            .Append(" threads=").Append(AllMs.Count)
            .Append(" spinningthreads=").Append(Volatile.Read(ref Scheduler.NMSpinning))
            .Append(" needspinning=").Append(Scheduler.NeedSpinning ? 1 : 0)
            .Append(" idlethreads=").Append(Scheduler.NMIdle)
            .Append(" runqueue=").Append(Scheduler.RunQ.Count)
            .Append(" [");
        foreach (P p in all)
        {
            text.Append(' ').Append(p.RunQueue.Count);
        }

        text.Append(" ] schedticks=[");
        foreach (P p in all)
        {
            text.Append(' ').Append(p.SchedTick);
        }

        text.Append(" ] ");
        AppendPreemptions(text);
        text.Append(" sysmon=[rounds ").Append(SysMon.Rounds).Append(" retakes ").Append(SysMon.Retakes).Append(']');
        return text.Append('\n').ToString();
    }

    // Requests that met a thread where it could not be stopped are asked again; a released thread is parked again.
    private static void AppendPreemptions(StringBuilder text)
    {
        Outcomes(out long released, out long[] refused);
        text.Append("preempted=[check ").Append(Scheduler.PreemptionsByCheck).Append(" signal ").Append(Scheduler.PreemptionsBySignal)
            .Append("] released=").Append(released).Append(" refused=[");
        for (int i = 0; i < refused.Length; i++)
        {
            text.Append(i == 0 ? "" : " ").Append(Refusals[i]).Append(' ').Append(refused[i]);
        }

        text.Append(']');
    }

    /// <summary>How often collections let stopped threads go, and how often each AsyncRefusal was the answer to a signal, since the start.</summary>
    internal static void Outcomes(out long released, out long[] refused)
    {
        long letGo = Volatile.Read(ref s_endedReleases);
        long[] answers = [.. s_endedRefusals];
        AllMs.ForEach(m =>
        {
            letGo += m.Slot->Released;
            for (int i = 0; i < answers.Length; i++)
            {
                answers[i] += m.Slot->Refused[i];
            }
        });
        (released, refused) = (letGo, answers);
    }

    /// <summary>An M ends, perhaps to begin again: its counts stay in the sums.</summary>
    internal static void Keep(M m)
    {
        Interlocked.Add(ref s_endedReleases, Interlocked.Exchange(ref m.Slot->Released, 0));
        m.Slot->Unasked = 0;
        m.Repark = default;
        m.UnknownCodeSeen = 0;
        for (int i = 0; i < MSlot.Refusals; i++)
        {
            Interlocked.Add(ref s_endedRefusals[i], Interlocked.Exchange(ref m.Slot->Refused[i], 0));
        }
    }

    /// <summary>Every P, M and G, for a fatal error. Reads moving data; values may not belong to one moment.</summary>
    internal static string Detail()
    {
        StringBuilder text = new(Line(Clock.Now()));
        if (ScheduleFuzz.On)
        {
            text.Append($"  stress={Settings.StressEvery}:{Settings.StressSeed}\n");
        }

        foreach (P p in Scheduler.AllP)
        {
            text.Append($"  P{p.Id}: status={p.Status} schedtick={p.SchedTick} syscalltick={p.SyscallTick} m={p.M?.Id ?? -1} runqsize={p.RunQueue.Count} timerslen={p.Timers.Count}\n");
        }

        text.Append($"  schedlock={(Scheduler.RunQ.Lock.IsHeld ? "held" : "free")} gcwaiting={(Scheduler.WorldStopping ? 1 : 0)} lostp={Scheduler.LostCount} poll={StackGuard.Poll}\n");
        AllMs.ForEach(m =>
        {
            if (m.P != null || m.NextP != null || m.LockedG != null || m.Spinning)
            {
                text.Append($"  M{m.Id}: p={m.P?.Id ?? -1} nextp={m.NextP?.Id ?? -1} curg={m.CurG?.Id ?? -1} lockedg={m.LockedG?.Id ?? -1} nextg={m.NextG?.Id ?? -1} spinning={m.Spinning} locks={m.Slot->Locks} stop={(StopState)m.Slot->Stop} handler={(HandlerState)m.Slot->Handler} woken={m.Park.IsSet}\n");
            }
        });
        int shown = 0;
        foreach (G g in AllGs.Snapshot())
        {
            if (shown++ == 50)
            {
                text.Append($"  ... {AllGs.Count - 50} more\n");
                break;
            }

            text.Append($"  G{g.Id}: status={g.Status}({g.WaitReason.Text()}) m={g.LockedM?.Id ?? -1} lostp={g.LostP}\n");
        }

        return text.ToString();
    }
}
