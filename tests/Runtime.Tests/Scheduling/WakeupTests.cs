using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

/// <summary>How many others get a turn before a goroutine that slept gets its own. Counts of turns, not times.</summary>
public class WakeupTests
{
    [Fact]
    public void Sleeper_BesideHogs_GoesFirst_AndLastWithGosBehaviour()
    {
        double first = TurnsBeforeASleeper(wakeup: true);
        double last = TurnsBeforeASleeper(wakeup: false);

        // Four hogs on one processor: the running one ends its slice, and without the setting the three in the queue have theirs.
        Assert.True(first < 2.5, $"{first} turns with the setting, {last} without");
        Assert.True(last > first + 1, $"{first} turns with the setting, {last} without");
    }

    private static double TurnsBeforeASleeper(bool wakeup)
    {
        const int Rounds = 12;
        bool before = Settings.Wakeup;
        using Gos.Procs procs = Gos.WithProcs(1);
        Settings.Wakeup = wakeup;
        long turns = 0;
        bool stop = false;
        Action[] hogs = Gos.Times(4, _ =>
        {
            while (!Volatile.Read(ref stop))
            {
                Gos.Check();
            }
        });
        try
        {
            Gos.Run([.. hogs, () =>
            {
                for (int i = 0; i < Rounds; i++)
                {
                    Blocking.Enter((int)WaitReason.Sleep);
                    Thread.Sleep(15);
                    uint ready = Scheduler.AllP[0].SchedTick;
                    Blocking.Exit();
                    turns += Scheduler.AllP[0].SchedTick - ready;
                }

                Volatile.Write(ref stop, true);
            }]);
        }
        finally
        {
            Settings.Wakeup = before;
        }

        return turns / (double)Rounds;
    }
}
