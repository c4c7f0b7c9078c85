using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// The scheduler's events (Go: traceGoStart, traceGoPark, ...). All changes of a goroutine's state go through one door, so the
/// recording stands behind that door: G.CasStatus looks at Flags, one load and a branch that is never taken while it is off, and else
/// leaves the exchange to CasStatus here. Only what is no change of state has a call of its own (Handoff, Steal, Retake).
///
/// The time is taken and the fields are read before the exchange: after it another thread may already run the goroutine, and its
/// Start must not be older than the Unblock before it. The event is written after it, when it has happened.
/// A writer is in the scheduler, holds a lock or is no M, so no signal stops it between taking a position in the ring and filling it.
/// Rejected: a call at each transition (twelve places to keep right); measuring in the drain thread (its clock is late).
/// </summary>
internal static unsafe class Tracing
{
    /// <summary>Events go into the rings.</summary>
    internal const int Events = 1;

    /// <summary>The time from runnable to running goes into ScheduleLatency.</summary>
    internal const int Latency = 2;

    /// <summary>The same for the meter, which cannot tell that nobody listens any more (RuntimeMeter).</summary>
    internal const int MeterLatency = 4;

    /// <summary>What is wanted now. Changed by Set and Clear.</summary>
    internal static int Flags;

    private static TraceRing[]? s_rings;

    /// <summary>The rings, to be drained by one thread; null before the first recording.</summary>
    internal static TraceRing[]? Rings => Volatile.Read(ref s_rings);

    /// <summary>Turns recording on. What it needs is made here, so that nothing is made or compiled on the dispatch path.</summary>
    internal static void Set(int flag)
    {
        if (flag == Events && s_rings == null)
        {
            // One per P, and for more than 64 of them one for several: it is only to keep writers apart.
            TraceRing[] rings = new TraceRing[Math.Min(64, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, Scheduler.Procs)))];
            for (int i = 0; i < rings.Length; i++)
            {
                rings[i] = new TraceRing();
            }

            Volatile.Write(ref s_rings, rings);
        }

        ScheduleLatency.Prepare();
        Compile();
        Interlocked.Or(ref Flags, flag);
    }

    /// <summary>Turns it off. Events that are being written may still come.</summary>
    internal static void Clear(int flag) => Interlocked.And(ref Flags, ~flag);

    /// <summary>The exchange of G.CasStatus while anything is recorded.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool CasStatus(G g, ref int status, GStatus from, GStatus to)
    {
        TraceEvent e = Describe(g, from, to);
        long ready = g.ReadySince;
        if (to == GStatus.Runnable)
        {
            g.ReadySince = e.Time;
        }

        if (Interlocked.CompareExchange(ref status, (int)to, (int)from) != (int)from)
        {
            return false;
        }

        if (e.Kind == TraceKind.Start)
        {
            g.ReadySince = 0;
            if ((Flags & (Latency | MeterLatency)) != 0 && ready != 0)
            {
                ScheduleLatency.Add(e.Time - ready);
            }
        }

        if (e.Kind != TraceKind.None)
        {
            Put(e);
        }

        return true;
    }

    /// <summary>A P leaves an M that blocks or ends (HandOffP).</summary>
    internal static void Handoff(P p)
    {
        if ((Flags & Events) != 0)
        {
            Put(new TraceEvent { Time = Clock.Now(), M = M.Current?.Id ?? -1, P = (short)p.Id, Kind = TraceKind.Handoff });
        }
    }

    /// <summary>The M found work at another P (StealWork).</summary>
    internal static void Steal(M m, P thief, P victim, G g)
    {
        if ((Flags & Events) != 0)
        {
            Put(new TraceEvent { Time = Clock.Now(), G = g.Id, Argument = victim.Id, M = m.Id, P = (short)thief.Id, Kind = TraceKind.Steal });
        }
    }

    /// <summary>sysmon took the P of an M in native code.</summary>
    internal static void Retake(P p, M m)
    {
        if ((Flags & Events) != 0)
        {
            Put(new TraceEvent { Time = Clock.Now(), G = m.CurG?.Id ?? 0, M = m.Id, P = (short)p.Id, Kind = TraceKind.Retake });
        }
    }

    /// <summary>Adds an event of any kind while events are recorded.</summary>
    internal static void Put(in TraceEvent e)
    {
        if ((Flags & Events) != 0)
        {
            TraceRing[] rings = s_rings!;
            rings[e.P & (rings.Length - 1)].Put(e);
        }
    }

    private static TraceEvent Describe(G g, GStatus from, GStatus to)
    {
        // The one who acts: the goroutine's own thread, or whoever makes it, readies it or takes its P.
        M? actor = M.Current;
        M? m = g.LockedM ?? actor;
        TraceEvent e = new()
        {
            Time = Clock.Now(),
            G = g.Id,
            M = m?.Id ?? -1,
            P = (short)(m?.P?.Id ?? -1),
            Kind = KindOf(from, to),
        };
        switch (e.Kind)
        {
            case TraceKind.Create:
                e.Argument = g.ParentId;
                break;
            case TraceKind.Unblock:
                e.Argument = actor?.CurG?.Id ?? 0;
                break;
            case TraceKind.Block:
                e.Reason = (byte)g.WaitReason;
                break;
            case TraceKind.SyscallEnter:
                e.Reason = (byte)g.WaitReason;
                e.Argument = actor == m ? 0 : 1;
                break;
            case TraceKind.Stop when to == GStatus.Preempted:
                e.Reason = (byte)StopReason.Signal;
                e.Argument = (long)m!.Slot->Registers[MSlot.ProgramCounter];
                break;
            case TraceKind.Stop:
                e.Reason = (byte)(m!.PreemptedAt != 0 ? StopReason.Check : StopReason.Yield);
                e.Argument = (long)(m.PreemptedAt & ~(nuint)1);
                m.PreemptedAt = 0;
                break;
        }

        return e;
    }

    private static TraceKind KindOf(GStatus from, GStatus to) => (from, to) switch
    {
        (GStatus.Idle, GStatus.Runnable) => TraceKind.Create,
        (GStatus.Idle, GStatus.Syscall) => TraceKind.Adopt,
        (GStatus.Runnable, GStatus.Running) => TraceKind.Start,
        (GStatus.Running, GStatus.Runnable or GStatus.Preempted) => TraceKind.Stop,
        (GStatus.Running, GStatus.Waiting) => TraceKind.Block,
        (GStatus.Running, GStatus.Syscall) => TraceKind.SyscallEnter,
        (GStatus.Waiting, GStatus.Runnable) => TraceKind.Unblock,
        (GStatus.Syscall, GStatus.Running) => TraceKind.SyscallExit,
        (GStatus.Syscall, GStatus.Runnable) => TraceKind.SyscallWait,
        (_, GStatus.Dead) => TraceKind.End,
        _ => TraceKind.None,
    };

    private const string Whole = "The types are of this assembly, which a trimmer keeps whole.";

    // The JIT takes locks that a stopped goroutine may hold.
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = Whole)]
    [UnconditionalSuppressMessage("Trimming", "IL2065", Justification = Whole)]
    private static void Compile()
    {
        const System.Reflection.BindingFlags All = System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.Instance
            | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.DeclaredOnly;
        foreach (Type type in (ReadOnlySpan<Type>)[typeof(Tracing), typeof(TraceRing), typeof(ScheduleLatency)])
        {
            foreach (System.Reflection.MethodInfo method in type.GetMethods(All))
            {
                RuntimeHelpers.PrepareMethod(method.MethodHandle);
            }
        }
    }
}
