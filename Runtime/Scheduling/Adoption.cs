using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// Threads the scheduler did not make become goroutines when it pays (Go: needm, dropm; here lazily). Pool workers, threads of
/// the program, framework and native callbacks all run woven code; most for microseconds. Once a slice sysmon raises the poll
/// word for a moment (AdoptionTick): who runs woven code then comes by here, and one that is still in the same piece of work at the
/// next tick gets a goroutine and queues for a P. A short callback never notices any of it.
///
/// A piece of work is a work item on a pool worker, told by the worker's own counter of completed items; the whole life of a
/// thread that the program made; and on a thread of the framework any stretch of eight ticks.
///
/// An adopted pool worker has left the pool, running or waiting: the pool is told that it is blocked and brings another worker.
///
/// The end is noticed, not announced: by the thread itself at its next check (SelfEnd), or by sysmon at a tick when the thread sits in
/// native code or is gone (Scan). The two exclude each other by Lock: sysmon ends only a goroutine whose P it has taken (LostP, state
/// Syscall), and the thread claims its goroutine back under the lock before it queues for a P.
/// Rejected: a bracket woven around every method that a delegate may point to (costs short callbacks); an AsyncLocal with a
/// change handler, which the pool calls at the end of an item: the value flows into everything the item starts, and each of those
/// continuations pays for it ever after.
/// </summary>
internal static unsafe class Adoption
{
    /// <summary>How long a thread that is no pool worker may sit in native code before it stops being a goroutine. A guess.</summary>
    private const long IdleNs = 1_000_000_000;

    /// <summary>
    /// In ticks, between two looks that belong together. Not 1: a thread that is not on a CPU at a tick, because many want one, comes
    /// by at a later one.
    /// </summary>
    private const int LongestGap = 50;

    private enum Kind : byte
    {
        Unknown,

        /// <summary>A pool worker: its pieces of work are told by its counter.</summary>
        Worker,

        /// <summary>Any other thread.</summary>
        Thread,

        /// <summary>The finalizer thread: everybody's cleaning waits for it.</summary>
        Never,
    }

    /// <summary>Who decides about the goroutine of an adopted thread that lost its P. Comes before the scheduler's lock.</summary>
    internal static readonly RuntimeLock Lock = new("adoption");

    private static readonly Action<M> s_scan = Scan;
    private static readonly List<M> s_over = new(64);
    private static long s_now;

    [ThreadStatic]
    private static int t_tick;

    /// <summary>What it had used at the last tick.</summary>
    [ThreadStatic]
    private static ThreadUsage t_usage;

    [ThreadStatic]
    private static Kind t_kind;

    [ThreadStatic]
    private static uint t_completed;

    [ThreadStatic]
    private static object? t_counter;

    /// <summary>The M of the last time, for the next.</summary>
    [ThreadStatic]
    private static M? t_spare;

    /// <summary>Goes up once a slice while there may be foreign threads in woven code. Written by sysmon.</summary>
    internal static int Tick;

    /// <summary>How often a thread came by that was not seen a tick ago, or was adopted. sysmon keeps the poll word up while it rises.</summary>
    internal static int Finds;

    /// <summary>How many adoptions there were, and how many goroutines of adopted threads there are now.</summary>
    internal static long Adoptions;
    internal static int Count;

    /// <summary>A thread without an M met a check while the poll word was up.</summary>
    internal static void Sight(nuint stackPointer, bool atOnce)
    {
        int tick = Volatile.Read(ref Tick);
        if (t_tick == tick && !atOnce)
        {
            return;
        }

        SightSlow(tick, stackPointer, atOnce);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void SightSlow(int tick, nuint stackPointer, bool atOnce)
    {
        int missed = t_tick == 0 ? int.MaxValue : tick - t_tick;
        t_tick = tick;
        if (t_kind == Kind.Unknown)
        {
            t_kind = Classify();
        }

        if (t_kind == Kind.Never || NoPreempt.IsInside(null, stackPointer))
        {
            return;
        }

        ThreadUsage usage = ThreadUsage.Now();
        bool adopt = atOnce || (missed <= LongestGap && usage.IsAtIt(t_usage, Settings.SliceNs / 5));
        t_usage = usage;
        if (t_counter != null)
        {
            uint completed = PoolWorker.Completed(t_counter);
            adopt &= atOnce || completed == t_completed;
            t_completed = completed;
        }

        if (adopt || missed > 1)
        {
            Interlocked.Increment(ref Finds);
        }

        if (adopt)
        {
            Adopt();
        }
    }

    private static Kind Classify()
    {
        Thread thread = Thread.CurrentThread;
        if (thread.IsThreadPoolThread)
        {
            t_counter = PoolWorker.Counter();
            return Kind.Worker;
        }

        if (thread.IsBackground && Libc.ThreadName() == ".NET Finalizer")
        {
            return Kind.Never;
        }

        return Kind.Thread;
    }

    /// <summary>The calling thread becomes an M with a goroutine and waits for a P. It leaves the pool first: the wait may be long.</summary>
    private static void Adopt()
    {
        M m = t_spare ?? new M(AllMs.NextId(), isForeign: true);
        t_spare = null;
        m.Adopted = true;
        m.Counter = t_counter;
        m.Completed = t_completed;
        m.LeftPool = t_kind == Kind.Worker && PoolWorker.Leave() ? 1 : 0;
        Interlocked.Increment(ref Adoptions);
        Interlocked.Increment(ref Count);
        Scheduler.NeedM(m);
    }

    /// <summary>
    /// The thread itself at a check: true when its adoption is over, and then it is no M any more. It may have been ended
    /// by sysmon while it was in native code; then only the rest is done.
    /// </summary>
    internal static bool SelfEnd(M m)
    {
        if (m.Slot->Locks != 0 || !(m.Dead || IsOver(m)))
        {
            return false;
        }

        while (!Scheduler.TryDropM(m))
        {
            // A signal stopped it: it is in the queue, and ends when it has a P.
            if (m.IsStopped)
            {
                Scheduler.RegainP(m);
                continue;
            }

            // sysmon took the P and is about to say so, or has even ended the goroutine.
            Scheduler.AwaitLoss(m);
            Lock.Lock();
            if (m.IsStopped || (!m.Dead && m.CurG!.Status != GStatus.Syscall))
            {
                // It was queued meanwhile, and perhaps has even got a P (QueueLost, under this lock; ResumeStopped, under none).
                Lock.Unlock();
                continue;
            }

            if (!m.Dead)
            {
                Scheduler.EndLostG(m);
            }

            Lock.Unlock();
            AsyncPreempt.Unregister(m.Slot);
            m.P = null;
            m.CurG = null;
            M.Current = null;
            break;
        }

        if (Interlocked.Exchange(ref m.LeftPool, 0) != 0)
        {
            PoolWorker.Return();
        }

        NoPreempt.MoveMarkFrom(m);
        t_spare = m;
        t_tick = 0;
        return true;
    }

    /// <summary>
    /// The thread goes on as the goroutine that lost its P: from here sysmon cannot end it. Where sysmon was faster, the
    /// thread begins anew as another goroutine, in Syscall like the one before.
    /// </summary>
    internal static void Claim(M m)
    {
        if (!m.Adopted)
        {
            return;
        }

        Lock.Lock();
        bool mine = !m.Dead;
        if (mine && m.CurG!.LostP)
        {
            Scheduler.ForgetLostP(m.CurG);
        }

        Lock.Unlock();
        if (!mine)
        {
            m.Counter = t_counter;
            m.Completed = t_counter != null ? PoolWorker.Completed(t_counter) : 0;
            Interlocked.Increment(ref Adoptions);
            Interlocked.Increment(ref Count);
            Scheduler.BeginForeignG(m);
        }
    }

    /// <summary>sysmon, once a tick: ends the adoptions that are over.</summary>
    internal static void EndThoseOver(long now)
    {
        if (Volatile.Read(ref Count) == 0)
        {
            return;
        }

        s_now = now;
        AllMs.ForEach(s_scan);
        foreach (M m in s_over)
        {
            End(m);
        }

        s_over.Clear();
    }

    private static void Scan(M m)
    {
        if (m.Adopted && IsOverOutside(m))
        {
            s_over.Add(m);
        }
    }

    /// <summary>Whether the piece of work for which the M was adopted is over.</summary>
    private static bool IsOver(M m) => m.Counter is { } counter && PoolWorker.Completed(counter) != m.Completed;

    /// <summary>The same as seen by sysmon, which leaves those alone that run managed code: they see to it at their next check.</summary>
    private static bool IsOverOutside(M m) => !m.Thread!.IsAlive
        || (SysMon.IsInNativeCode(m) && (m.Counter != null ? IsOver(m) : m.CurG is { LostP: true, WaitReason: WaitReason.Syscall or WaitReason.MonitorEnter } g && s_now - g.WaitSince > IdleNs));

    /// <summary>
    /// Its P is taken first, so that the goroutine is in Syscall with LostP. The thread may come back at any moment; under
    /// the lock it is either found to have claimed the goroutine, or finds it dead.
    /// </summary>
    private static void End(M m)
    {
        if (m.P is P p && IsOverOutside(m) && Scheduler.TakeRunningP(p, m, PStatus.Idle))
        {
            Scheduler.HandOffTakenP(p);
        }

        Lock.Lock();
        if (!m.Dead && m.CurG is { LostP: true, Status: GStatus.Syscall } && IsOverOutside(m))
        {
            Scheduler.EndLostG(m);
            if (Interlocked.Exchange(ref m.LeftPool, 0) != 0)
            {
                PoolWorker.ReturnLater();
            }
        }

        Lock.Unlock();
    }
}
