using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Scheduling;

/// <summary>Nobody is left behind: yielding, locked threads, parallelism, timers under load (after Go's proc_test).</summary>
public class ProgressTests
{
    [Fact]
    public void Start_TenThousand_EachRunsOnce()
    {
        int ran = 0;
        Gos.Run(Gos.Times(10_000, _ => Interlocked.Increment(ref ran)));
        Assert.Equal(10_000, ran);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Yield_InAPollingLoop_LetsASenderThrough(bool locked)
    {
        using Gos.Procs one = Gos.WithProcs(1);
        Chan<int> chan = new();
        Gos.Run(
            () =>
            {
                if (locked)
                {
                    Goroutine.LockOSThread();
                }

                while (!chan.TryReceive(out _))
                {
                    Goroutine.Yield();
                }

                Goroutine.UnlockOSThread();
            },
            () => chan.Send(1));
    }

    [Fact]
    public void YieldAndSleep_LockedGoroutine_StaysOnItsThread() => Gos.Run(() =>
    {
        Goroutine.LockOSThread();
        int thread = Environment.CurrentManagedThreadId;
        for (int i = 0; i < 10; i++)
        {
            Goroutine.Yield();
            Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
            Assert.Equal(thread, Environment.CurrentManagedThreadId);
        }

        Goroutine.UnlockOSThread();
    });

    [Fact]
    public void Send_LockedGoroutine_TenBlockingSendsArrive()
    {
        Chan<int> chan = new();
        int sum = 0;
        Gos.Run(
            () =>
            {
                Goroutine.LockOSThread();
                for (int i = 0; i < 10; i++)
                {
                    chan.Send(i);
                }

                Goroutine.UnlockOSThread();
            },
            () =>
            {
                for (int i = 0; i < 10; i++)
                {
                    sum += chan.Receive();
                }
            });
        Assert.Equal(45, sum);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Parallelism_OneGoroutinePerP_AllRunAtOnce(bool afterLoad)
    {
        const int Procs = 4;
        using Gos.Procs procs = Gos.WithProcs(Procs);
        for (int attempt = 0; attempt < 10; attempt++)
        {
            if (afterLoad)
            {
                Gos.Run(Gos.Times(Procs, _ => Goroutine.Sleep(TimeSpan.FromMicroseconds(100))));
            }

            // Round-robin over a counter: each waits, without a check, for the one before. They end only if all hold a P.
            int turn = 0;
            Gos.Run(Gos.Times(Procs, k =>
            {
                for (int i = 0; i < 3; i++)
                {
                    int want = (Procs * i) + k;
                    while (Volatile.Read(ref turn) != want)
                    {
                        Thread.SpinWait(1);
                    }

                    Volatile.Write(ref turn, want + 1);
                }
            }));
        }
    }

    [Fact]
    public void Timer_BesideTwoThatAlwaysSend_Fires()
    {
        using Gos.Procs two = Gos.WithProcs(2);
        bool stop = false;
        Chan<int> chan = new();
        Gos.Run(
            () => Pump(chan, () => Volatile.Read(ref stop)),
            () => Pump(chan, () => Volatile.Read(ref stop)),
            () => Drain(chan, () => Volatile.Read(ref stop)),
            () =>
            {
                Goroutine.Sleep(TimeSpan.FromMilliseconds(20));
                Volatile.Write(ref stop, true);
            });
    }

    [Fact]
    public void Timer_BesideAPairThatIsAlwaysReady_FiresOnOneP()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        bool stop = false;
        Chan<int> ping = new();
        Chan<int> pong = new();
        Gos.Run(
            () =>
            {
                while (!Volatile.Read(ref stop))
                {
                    ping.Send(1);
                    pong.Receive();
                }

                ping.Send(0);
            },
            () =>
            {
                while (ping.Receive() == 1)
                {
                    pong.Send(1);
                }
            },
            () =>
            {
                Goroutine.Sleep(TimeSpan.FromMicroseconds(1));
                Volatile.Write(ref stop, true);
            });
    }

    [Fact]
    public void Timer_BesideShortSystemCalls_Fires()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        bool stop = false;
        Action hammer = () =>
        {
            while (!Volatile.Read(ref stop))
            {
                Scheduler.EnterSyscall();
                Thread.Yield();
                Scheduler.ExitSyscall();
                Gos.Check();
            }
        };
        Gos.Run(
            hammer,
            hammer,
            () =>
            {
                Goroutine.Sleep(TimeSpan.FromMilliseconds(20));
                Volatile.Write(ref stop, true);
            });
    }

    [Fact]
    public void Sleep_ManyAtOnce_NoneWakesEarly() => Gos.Run(Gos.Times(100, k =>
    {
        for (int i = 0; i < 10; i++)
        {
            TimeSpan want = TimeSpan.FromMicroseconds(500 + (k * 10));
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            Goroutine.Sleep(want);
            Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(start) >= want, "woke early");
        }
    }));

    [Fact]
    public void Sleep_LongOneFirstThenShort_ShortOneEndsThePoll()
    {
        // The long sleeper makes some M poll for a minute; the short one must not wait for it.
        Goroutine.Start(() => Goroutine.Sleep(TimeSpan.FromMinutes(10)));
        Gos.Run(Gos.Times(20, _ =>
        {
            for (int i = 0; i < 5; i++)
            {
                Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
            }
        }));
    }

    [Fact]
    public void PingPong_BesideAHogPair_BothPairsGetTurns()
    {
        // TestPingPongHog: each pair hands over through runnext and so shares a slice; a fresh slice at each hand-over would let
        // the first pair run for ever. Counted are turns, how often the P changes from one pair to the other, so a loaded
        // machine makes it slower and nothing else.
        using Gos.Procs one = Gos.WithProcs(1);
        Turns turns = new();
        Chan<int> hogBall = new();
        Chan<int> lightBall = new();
        Gos.Run(
            () => Play(hogBall, 100_000, first: true, pair: 0, turns),
            () => Play(hogBall, 100_000, first: false, pair: 0, turns),
            () => Play(lightBall, 1000, first: true, pair: 1, turns),
            () => Play(lightBall, 1000, first: false, pair: 1, turns));
    }

    [Fact]
    public void Current_AfterEverySwitch_IsTheSameGoroutine() => Gos.Run(Gos.Times(50, _ =>
    {
        long id = Goroutine.CurrentId;
        Assert.True(id > 1);
        for (int i = 0; i < 50; i++)
        {
            if (i % 7 == 0)
            {
                Goroutine.Sleep(TimeSpan.FromMicroseconds(50));
            }
            else
            {
                Goroutine.Yield();
            }

            Assert.Equal(id, Goroutine.CurrentId);
        }
    }));

    [Fact]
    public void Count_WhileGoroutinesWait_CountsThem()
    {
        int before = Goroutine.Count;
        Chan<int> gate = new();
        int seen = 0;
        Gos.Run([.. Gos.Times(10, _ => gate.Receive()), () =>
        {
            while (AllGs.Snapshot().Count(g => g is { Status: GStatus.Waiting, WaitReason: WaitReason.ChanReceive }) < 10)
            {
                Goroutine.Yield();
            }

            seen = AllGs.Count;
            for (int i = 0; i < 10; i++)
            {
                gate.Send(i);
            }
        }]);
        Assert.InRange(seen - (before == 1 ? 0 : before), 11, 12);
    }

    private static void Pump(Chan<int> chan, Func<bool> stop)
    {
        while (!stop())
        {
            chan.Send(1);
        }

        chan.Send(0);
    }

    private static void Drain(Chan<int> chan, Func<bool> stop)
    {
        for (int ended = 0; ended < 2;)
        {
            ended += chan.Receive() == 0 ? 1 : 0;
        }
    }

    private sealed class Turns
    {
        private const int Wanted = 6;
        private readonly int[] _turns = new int[2];
        private int _last = -1;

        internal bool Enough => _turns[0] >= Wanted && _turns[1] >= Wanted;

        internal void Play(int pair)
        {
            if (_last != pair)
            {
                _last = pair;
                _turns[pair]++;
            }
        }
    }

    private static void Play(Chan<int> ball, int work, bool first, int pair, Turns turns)
    {
        if (first)
        {
            ball.Send(1);
        }

        while (ball.Receive() != 0)
        {
            turns.Play(pair);
            for (int i = 0; i < work; i++)
            {
                Gos.Check();
            }

            bool last = turns.Enough;
            ball.Send(last ? 0 : 1);
            if (last)
            {
                return;
            }
        }
    }
}
