using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// Stress mode with a seed (<c>--stress N:SEED</c>; N = 0 preempts nobody at checks): wherever the scheduler may choose, it chooses at random. What a goroutine that
/// becomes ready or is stopped goes to (runnext, the ring's tail, the global queue), which of those that wait runs next, which idle
/// P is taken, who steals from whom first, and whether a system call hands its P off at once. Every choice is one that the
/// scheduler could have made in another run, so a program that breaks from it is broken, or the scheduler is.
/// </summary>
/// <remarks>
/// The k-th choice of an M depends on the seed, k and the M's id alone. With one P and a program that meets no clock, a seed gives the
/// same choices again; which thread reaches a lock first, when sysmon looks and where a signal falls is not in its hands. Rejected: one
/// stream of numbers for all, in which any reordering of two threads changes every choice after it.
/// Off, it costs a load and a branch where a goroutine is readied, stopped or looked for.
/// </remarks>
internal static class ScheduleFuzz
{
    /// <summary>Set once, before the first goroutine.</summary>
    internal static bool On;

    private static uint s_seed;
    private static int s_outsideCount;

    internal static void Start(P[] all)
    {
        if (!Settings.FuzzSchedule)
        {
            return;
        }

        s_seed = (uint)Settings.StressSeed;
        foreach (P p in all)
        {
            p.Random = (p.Random ^ (s_seed * 2246822519)) | 1;
        }

        On = true;
        if (Settings.SchedTraceMs > 0)
        {
            Libc.WriteError($"ilpreempt: the scheduler chooses by seed: ILPREEMPT_STRESS={Settings.StressEvery}:{s_seed}\n");
        }
    }

    /// <summary>True in one case of so many.</summary>
    internal static bool Toss(uint of) => Next() % of == 0;

    /// <summary>
    /// Before the owner of <paramref name="p"/> looks for its next goroutine: others than the first may come first. A thread that
    /// looked meanwhile may have missed what was on its way, so somebody is woken, as after any put.
    /// </summary>
    internal static void Shuffle(P p)
    {
        uint choice = Next();
        if ((choice & 3) == 0 && p.RunQueue.Get(out _) is G first)
        {
            if ((choice & 4) == 0)
            {
                p.RunQueue.Put(first, next: false, Scheduler.RunQ);
            }
            else
            {
                Scheduler.RunQ.Lock.Lock();
                Scheduler.RunQ.Put_NeedsLock(first);
                Scheduler.RunQ.Lock.Unlock();
            }

            Scheduler.WakeP();
        }
        else if ((choice & 3) == 1 && Scheduler.GetGlobal(p, 1) is G fair)
        {
            p.RunQueue.Put(fair, next: (choice & 4) == 0, Scheduler.RunQ);
            Scheduler.WakeP();
        }
    }

    /// <summary>The list of idle Ps with any one of them at its head. Under the scheduler's lock.</summary>
    internal static P? Reorder(P? head)
    {
        P? before = null;
        P? chosen = head;
        while (chosen?.Link != null && !Toss(2))
        {
            before = chosen;
            chosen = chosen.Link;
        }

        if (before == null)
        {
            return head;
        }

        before.Link = chosen!.Link;
        chosen.Link = head;
        return chosen;
    }

    // A thread that is no M has no id of its own.
    private static uint Next()
    {
        M? m = M.Current;
        uint count = m != null ? ++m.FuzzCount : (uint)Interlocked.Increment(ref s_outsideCount);
        uint x = (count * 2654435761) ^ (s_seed * 2246822519) ^ ((uint)(m?.Id ?? 0) << 20);
        x = (x ^ (x >> 15)) * 739982445;
        x = (x ^ (x >> 12)) * 695872825;
        return x ^ (x >> 15);
    }
}
