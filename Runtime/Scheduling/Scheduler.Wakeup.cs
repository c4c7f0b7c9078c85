namespace ILPreempt.Runtime.Scheduling;

/// <content>
/// Latency beyond Go: a goroutine that waited (sleep, timer, IO, semaphore) and is ready again while all Ps are busy need not
/// wait for the end of a slice and for everybody in the queue. It goes to the head of the global queue, and sysmon ends one slice
/// that has lasted a millisecond. A turn of less than a millisecond before the wait earns that: a goroutine that computes and naps in
/// turn would push the ones that only compute aside. ILPREEMPT_WAKEUP=0 is Go's behaviour.
/// </content>
internal static unsafe partial class Scheduler
{
    private const long WakeupNs = 1_000_000;

    /// <summary>How long a slice lasts while such a goroutine waits.</summary>
    internal static long WakeupSliceNs => Settings.Wakeup ? Math.Min(WakeupNs, Settings.SliceNs) : Settings.SliceNs;

    /// <summary>Whether a sleeper of this P is due; it runs at the P's next switch.</summary>
    internal static bool HasDueTimer(P p, long now) => p.Timers.Earliest is var earliest && earliest != 0 && earliest <= now;

    private static bool IsShortTurn(P p, long now) => now - p.SliceStart < WakeupNs;

    private static bool WaitedLong(G g, long now) => Settings.Wakeup && g.WaitReason != WaitReason.None && now - g.WaitSince >= WakeupNs;

    /// <summary>
    /// Whether the look at the global queue is put off for runnext: a slice was cut short for who waits there, and every 61st of them would
    /// have to wait for a whole slice of a goroutine of the queue instead. The tick stands still while runnext shares a slice, so the
    /// look is owed until the next choice, and no longer than the slice lasts.
    /// </summary>
    private static bool WokenIsNext(P p)
    {
        long now = Platform.Clock.Now();
        return p.RunQueue.Next is G g && WaitedLong(g, now) && now - p.SliceStart < Settings.SliceNs;
    }

    private static void PutWoken_NeedsLock(G g)
    {
        if (g.ShortTurn && WaitedLong(g, Platform.Clock.Now()))
        {
            RunQ.PutFirst_NeedsLock(g);
        }
        else
        {
            RunQ.Put_NeedsLock(g);
        }
    }

    /// <summary>The partner of sysmon's reading of RunQ.Late after it stored when it will wake.</summary>
    private static void NoteWoken()
    {
        if (RunQ.HasLate)
        {
            SysMon.NoteDeadline(Platform.Clock.Now());
        }

        SysMon.SomebodyBecameReady();
    }
}
