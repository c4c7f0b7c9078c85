using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Diagnostics;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Telemetry;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// The scheduler, after Go's proc.go: goroutines (G) run on processors (P) carried by OS threads (M).
///
/// What differs from Go is where a goroutine's frames live. Managed stacks can't be moved between threads, so a goroutine
/// that has started keeps its thread until it ends (Go's locked-M path, used for everything). "Switching goroutines" is
/// therefore: the M whose goroutine leaves looks for the next one itself, gives its P to the M that holds that goroutine's
/// frames (or, for one that has not started, to a free M), wakes it and sleeps. One futex wake per switch. Waking a
/// separate scheduling thread first, which then wakes the right one, was rejected: it is two.
///
/// Who may call what: methods that take an M run on that M's own thread. "Scheduling" means the M holds a P in that state
/// and m.CurG is null. Names ending in _NeedsLock need RunQ.Lock.
///
/// The submit/idle race, as in Go: a submitter puts work, then looks for spinners; a spinner that gives up first lowers
/// NMSpinning, then looks at all queues again. Both sides store before they load (interlocked), so one of them sees the other.
/// </summary>
internal static unsafe partial class Scheduler
{
    /// <summary>The global queue; its lock is the scheduler's lock.</summary>
    internal static readonly GlobalRunQueue RunQ = new();

    private static readonly RuntimeLock s_startLock = new("start");

    /// <summary>All Ps, index = id. Replaced only in a stopped world.</summary>
    internal static P[] AllP = [];

    private static StealOrder s_stealOrder = new(1);
    private static long s_goid = 1;
    private static int s_started;
    private static int s_pinned;

    /// <summary>Set while a thread without a P runs due timers.</summary>
    [ThreadStatic]
    private static bool t_runsLateTimers;

    internal static int Procs => AllP.Length;

    /// <summary>Creates the Ps and starts sysmon, once per process. Cheap when it has happened.</summary>
    internal static void EnsureStarted()
    {
        if (Volatile.Read(ref s_started) == 0)
        {
            Start();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Start()
    {
        s_startLock.Lock();
        if (s_started == 0)
        {
            Settings.Load();
            RunClassConstructors();
            P[] all = new P[Settings.MaxProcs];
            RunQ.Lock.Lock();
            for (int i = all.Length - 1; i >= 0; i--)
            {
                all[i] = new P(i);
                PIdlePut_NeedsLock(all[i]);
            }

            AllP = all;
            s_stealOrder = new StealOrder(all.Length);
            RunQ.Lock.Unlock();
            StackGuard.StartStress();
            ScheduleFuzz.Start(all);
            AsyncPreempt.Start(SysMon.Note);
            Recording.StartIfSet();
            SysMon.Start();
            Door.Open();
            StallReport.StartIfSet();
            Traceback.PrepareIfSet();
            Volatile.Write(ref s_started, 1);
        }

        s_startLock.Unlock();
    }

    /// <summary>A class constructor that runs for the first time on the dispatch path could block on a lock that a stopped goroutine holds.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2059", Justification = "All types are of this assembly, which a trimmer keeps whole.")]
    private static void RunClassConstructors()
    {
        foreach (Type type in (ReadOnlySpan<Type>)[typeof(M), typeof(G), typeof(P), typeof(Table), typeof(Clock), typeof(Futex), typeof(ThreadMode), typeof(SysMon), typeof(SchedTrace), typeof(AllGs), typeof(AllMs), typeof(Adoption), typeof(AdoptionTick), typeof(PoolWorker), typeof(CpuAlarm)])
        {
            RuntimeHelpers.RunClassConstructor(type.TypeHandle);
        }
    }

    /// <summary>Makes a goroutine and puts it on a run queue (Go: newproc). Callable from any thread.</summary>
    internal static G NewProc(Action entry, nuint createdBy = 0)
    {
        EnsureStarted();
        M? m = AcquireM();
        G g = new(NextGoid(m), m?.CurG?.Id ?? 0, entry);
        g.Row->CreatedBy = (long)createdBy;
        AllGs.Add(g);
        g.CasStatus(GStatus.Idle, GStatus.Runnable);
        Submit(g, next: true);
        ReleaseM(m);
        return g;
    }

    /// <summary>A goroutine's id. An M takes sixteen at a time (Go: goidcache), so that Ps which make goroutines do not meet at one word for each.</summary>
    private static long NextGoid(M? m)
    {
        const int Batch = 16;
        if (m == null)
        {
            return Interlocked.Increment(ref s_goid);
        }

        if (m.Goids == 0)
        {
            m.Goid = Interlocked.Add(ref s_goid, Batch) - Batch;
            m.Goids = Batch;
        }

        m.Goids--;
        return ++m.Goid;
    }

    /// <summary>Keeps a signal from stopping the caller between two steps that belong together (Go: acquirem).</summary>
    private static M? AcquireM()
    {
        M? m = M.Current;
        if (m != null)
        {
            m.Slot->Locks++;
        }

        return m;
    }

    private static void ReleaseM(M? m)
    {
        if (m != null)
        {
            m.Slot->Locks--;
        }
    }

    /// <summary>One round of the scheduler: finds a goroutine for this M's P and returns it once this M is the one to run it.</summary>
    private static G Schedule(M m, out bool inheritTime)
    {
        if (m.Slot->Locks != 0)
        {
            RuntimePanic.Throw($"schedule: m{m.Id} holds {m.Slot->Locks} locks, want 0");
        }

        while (true)
        {
            G g = FindRunnable(m, out inheritTime);
            if (m.Spinning)
            {
                ResetSpinning(m);
            }

            if (g.LockedM == m || (g.LockedM == null && m.LockedG == null))
            {
                return g;
            }

            GiveP(ReleaseP(m), g, inheritTime, Libc.CurrentCpu());
            if (StopM(m, out inheritTime) is G mine)
            {
                return mine;
            }
        }
    }

    /// <summary>Runs <paramref name="g"/> on this M: from here its user code has the thread and the P (Go: execute).</summary>
    private static void Execute(M m, G g, bool inheritTime)
    {
        P p = m.P!;
        g.CasStatus(GStatus.Runnable, GStatus.Running);
        m.CurG = g;
        if (g.LockedM == null)
        {
            Pin(m, g);
        }

        g.WaitReason = WaitReason.None;
        g.Row->Turns++;
        ClearPreempt(g);
        if (!inheritTime)
        {
            p.SchedTick++;
            p.SliceStart = Clock.Now();
        }

        // sysmon sees to the timers of a P that is busy; it must know of one that is due before it would wake by itself.
        long earliest = p.Timers.Earliest;
        if (earliest != 0)
        {
            SysMon.NoteDeadline(earliest);
        }

        p.Leave(m);
    }

    /// <summary>The life of a free M: run goroutines from their start to their end, one after another (Go: mstart1).</summary>
    private static void MStart(M m)
    {
        m.Bind();
        G? g = AcquireNextP(m, out bool inheritTime);
        while (true)
        {
            g ??= Schedule(m, out inheritTime);
            Execute(m, g, inheritTime);
            Action entry = g.Entry!;
            g.Entry = null;
            entry();
            if (!GoExit0(m))
            {
                return;
            }

            g = null;
        }
    }

    /// <summary>The goroutine has ended (Go: goexit0). False: it was locked to its thread by the user, and the thread ends with it.</summary>
    private static bool GoExit0(M m)
    {
        EnterWithP(m);
        if (EndG(m).LockDepth == 0)
        {
            return true;
        }

        EndM(m);
        return false;
    }

    /// <summary>The running goroutine ends; the M is in the scheduler with its P.</summary>
    private static G EndG(M m)
    {
        G g = m.CurG!;
        g.CasStatus(GStatus.Running, GStatus.Dead);
        m.CurG = null;
        Unpin(m, g);
        ClearPreempt(g);
        AllGs.Remove(g);
        StackRoom.Reset(m);
        return g;
    }

    /// <summary>The calling thread stops being an M; its P goes to another.</summary>
    private static void EndM(M m)
    {
        Uncount(m);
        HandOffP(ReleaseP(m));
        AsyncPreempt.Unregister(m.Slot);
        SchedTrace.Keep(m);
        AllMs.Remove(m);
        M.Current = null;
    }

    /// <summary>The thread now belongs to the goroutine. Threads that the program made itself do not count against the limit, as in Go.</summary>
    private static void Pin(M m, G g)
    {
        m.LockedG = g;
        g.LockedM = m;
        g.Row->MId = m.Id;
        g.Row->Tid = m.Tid;
        g.Row->CpuBase = m.CpuUsed();
        if (!m.IsForeign && !m.IsCounted)
        {
            m.IsCounted = true;
            if (Interlocked.Increment(ref s_pinned) <= Settings.MaxThreads)
            {
                return;
            }

            RuntimePanic.Fatal(
                $"runtime: program exceeds {Settings.MaxThreads}-thread limit (ILPREEMPT_MAXTHREADS raises it)", "thread exhaustion");
        }
    }

    private static void Unpin(M m, G g)
    {
        m.LockedG = null;
        g.LockedM = null;
    }

    /// <summary>A thread counts until it has nothing to do: one that runs goroutine after goroutine touches the common word only once.</summary>
    private static void Uncount(M m)
    {
        if (m.IsCounted)
        {
            m.IsCounted = false;
            Interlocked.Decrement(ref s_pinned);
        }
    }

    /// <summary>
    /// Puts a Runnable goroutine where a P will find it, from any thread: the caller's own P, else the global queue. If a P
    /// is idle and the goroutine's thread is known, that thread gets the P at once: waking a spinner that would find the
    /// goroutine and then wake its thread costs a second switch.
    /// </summary>
    private static void Submit(G g, bool next)
    {
        M? m = M.Current;
        P? p = null;
        bool entered = false;
        if (m != null)
        {
            p = m.P;
            if (m.CurG != null)
            {
                entered = p != null && p.TryEnter(m);
                p = entered ? p : null;
            }
        }

        P? near = p;
        bool mayGive = true;
        if (ScheduleFuzz.On)
        {
            near = ScheduleFuzz.Toss(4) ? null : p;
            next &= !ScheduleFuzz.Toss(4);
            mayGive = !ScheduleFuzz.Toss(4);
        }

        if (!mayGive || !TryGiveIdleP(g))
        {
            if (near != null)
            {
                near.RunQueue.Put(g, next, RunQ);
            }
            else
            {
                RunQ.Lock.Lock();
                if (t_runsLateTimers)
                {
                    RunQ.PutFirst_NeedsLock(g);
                }
                else
                {
                    RunQ.Put_NeedsLock(g);
                }

                RunQ.Lock.Unlock();
            }

            WakeP();
            SysMon.SomebodyBecameReady();
        }

        if (entered)
        {
            p!.Leave(m!);
        }
    }

    private static bool TryGiveIdleP(G g)
    {
        if (g.LockedM == null || Volatile.Read(ref NPIdle) == 0)
        {
            return false;
        }

        RunQ.Lock.Lock();
        P? idle = PIdleGet_NeedsLock();
        RunQ.Lock.Unlock();
        if (idle == null)
        {
            return false;
        }

        GiveP(idle, g, inheritTime: false);
        return true;
    }

    /// <summary>
    /// Enters the scheduler from user code with a P. If sysmon took the P while this thread was in native code, waits for
    /// another one first.
    /// </summary>
    private static void EnterWithP(M m)
    {
        while (m.P is not P p || !p.TryEnter(m))
        {
            RegainP(m);
        }
    }
}
