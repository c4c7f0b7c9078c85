using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// sysmon's part of Adoption: once a slice, while the process uses the CPU, the poll word is up for a moment, so that threads
/// without a goroutine that run woven code come by at Adoption.Sight. The moment lasts as long as new ones keep coming:
/// each adopted thread leaves its CPU to the next, so hundreds are found within a few ticks. All state here is sysmon's own.
/// </summary>
internal static class AdoptionTick
{
    /// <summary>How long the word stays up. Checks come every few microseconds; a check that waits for a CPU must wait for the next tick.</summary>
    private const long WindowNs = 50_000;

    /// <summary>How long it stays up after a thread was found, and at most. The kernel changes threads about every 3 ms.</summary>
    private const long HoldNs = 4_000_000;
    private const long MaxWindowNs = 100_000_000;

    /// <summary>CPU time between two ticks below which nobody can have run for a slice.</summary>
    private const long BusyNs = 2_000_000;

    /// <summary>How often an idle process is looked at while goroutines of adopted threads wait in it: their work may end without using the CPU.</summary>
    private const long IdleLookNs = 1_000_000_000;

    /// <summary>The next tick after one that brought a goroutine, in fifths of a slice: a burst of work is sorted out soon.</summary>
    private const int BurstFifths = 2;

    private static long s_next;
    private static long s_adoptions;
    private static long s_opened;
    private static long s_closes;
    private static long s_used;
    private static int s_finds;

    /// <summary>Whether the process used the CPU since the last tick; without that no tick is due.</summary>
    internal static bool IsBusy { get; private set; } = true;

    /// <summary>CPU time until sysmon must look again though all Ps are idle.</summary>
    internal static long CpuUntilBusy => BusyNs;

    /// <summary>Opens and closes the moment. Returns when to call again.</summary>
    internal static long Round(long now)
    {
        if (now >= s_next)
        {
            long adoptions = Volatile.Read(ref Adoption.Adoptions);
            s_next = now + (adoptions != s_adoptions ? Settings.SliceNs / 5 * BurstFifths : Settings.SliceNs);
            s_adoptions = adoptions;
            long used = CpuAlarm.Used();
            IsBusy = used == 0 || used - s_used >= BusyNs;
            s_used = used;
            Adoption.EndThoseOver(now);
            if (IsBusy)
            {
                Volatile.Write(ref Adoption.Tick, Adoption.Tick + 1);
                Open();
            }
        }

        if (s_opened == 0)
        {
            return IsBusy ? s_next : Volatile.Read(ref Adoption.Count) != 0 ? now + IdleLookNs : long.MaxValue;
        }

        int finds = Volatile.Read(ref Adoption.Finds);
        if (finds != s_finds)
        {
            s_finds = finds;
            s_closes = Math.Min(now + HoldNs, s_opened + MaxWindowNs);
        }

        if (now >= s_closes)
        {
            s_opened = 0;
            Interlocked.Decrement(ref StackGuard.Poll);
            return s_next;
        }

        return Math.Min(s_closes, s_next);
    }

    // The time is taken anew: a round can be longer than the window, and a thread on the same CPU runs only when sysmon sleeps.
    private static void Open()
    {
        if (s_opened == 0)
        {
            Interlocked.Increment(ref StackGuard.Poll);
            s_opened = Clock.Now();
            s_closes = s_opened + WindowNs;
        }
    }
}
