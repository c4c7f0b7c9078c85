using System.Text;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// Go's report that all goroutines are asleep (Go: checkdead). sysmon looks before it goes to sleep for long: all Ps idle, the process
/// used no CPU, no timer anywhere, and every goroutine parked in GoPark. One that blocks in a call of .NET may be woken by anybody and so is
/// not asleep in this sense. A thread that is no goroutine could still ready one, which is why the report ends the process only
/// where the user asked for it (--deadlock exit). Told once for each time that goroutines have run in between.
/// </summary>
internal static class Deadlock
{
    private const int ExitCode = 2;

    private static long s_reportedAt = -1;

    /// <summary>Whether it has been told once. For tests.</summary>
    internal static bool HasReported => Volatile.Read(ref s_reportedAt) >= 0;

    /// <summary>sysmon, when nothing happens.</summary>
    internal static void Look()
    {
        if (AllGs.Count == 0 || Volatile.Read(ref Scheduler.LostCount) != 0 || Switches() == s_reportedAt)
        {
            return;
        }

        foreach (P p in Scheduler.AllP)
        {
            if (p.Timers.Earliest != 0)
            {
                return;
            }
        }

        G[] all = AllGs.Snapshot();
        foreach (G g in all)
        {
            if (g.Status != GStatus.Waiting)
            {
                return;
            }
        }

        Libc.WriteError(Report(all));
        Volatile.Write(ref s_reportedAt, Switches());
        if (Settings.ExitOnDeadlock)
        {
            Libc.ExitNow(ExitCode);
        }
    }

    private static string Report(G[] all)
    {
        StringBuilder text = new(Settings.ExitOnDeadlock ? "fatal error: " : "ilpreempt: ");
        text.Append("all goroutines are asleep - deadlock!\n");
        long now = Clock.Now();
        foreach (G g in all.OrderBy(g => g.Id))
        {
            long minutes = (now - g.WaitSince) / 60_000_000_000;
            text.Append($"\ngoroutine {g.Id} [{g.WaitReason.Text()}{(minutes > 0 ? $", {minutes} minutes" : "")}]:\n");
            if (g.ParentId != 0)
            {
                text.Append($"created by goroutine {g.ParentId}\n");
            }
        }

        return text.ToString();
    }

    private static long Switches()
    {
        long switches = 0;
        foreach (P p in Scheduler.AllP)
        {
            switches += p.SchedTick;
        }

        return switches;
    }
}
