using ILPreempt.Runtime;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Simulation;

/// <summary>
/// The programs that are simulated. Each starts goroutines from a thread that is none and calls done when the last has done its part.
/// Size is how many goroutines there are, about.
/// </summary>
internal static class Workloads
{
    internal static readonly Dictionary<string, Action<TrialSetup, Action>> All = new()
    {
        ["tree"] = Tree,
        ["fanout"] = FanOut,
        ["timers"] = TimerBurst,
        ["hogs"] = Hogs,
        ["pairs"] = Pairs,
        ["uneven"] = Uneven,
        ["arrivals"] = Arrivals,
        ["sparse"] = Sparse,
        ["naps"] = Naps,
    };

    /// <summary>How late the sleepers of Naps woke, in this trial.</summary>
    internal static Histogram NapsLate { get; private set; } = new();

    /// <summary>Fork and join: a binary tree, 10 us of work in a leaf. The upper nodes park until their part is done, the others leave the end to their last child.</summary>
    private static void Tree(TrialSetup setup, Action done)
    {
        int leaves = Math.Max(1, setup.Size / 2);
        Node(leaves, Math.Max(2, leaves / 64), done);
    }

    private static void Node(int leaves, int parking, Action done) => Scheduler.NewProc(() =>
    {
        if (leaves == 1)
        {
            User.Compute(User.Around(10_000));
            done();
            return;
        }

        if (leaves >= parking)
        {
            Join join = new(2);
            Node(leaves / 2, parking, join.Done);
            Node(leaves - (leaves / 2), parking, join.Done);
            join.Wait();
            done();
            return;
        }

        int left = 2;
        void OneDone()
        {
            if (Runtime.Interlocked.Add(ref left, -1) == 0)
            {
                done();
            }
        }

        Node(leaves / 2, parking, OneDone);
        Node(leaves - (leaves / 2), parking, OneDone);
    });

    /// <summary>One goroutine readies two consumers for each P, which wait, again and again; a consumer has 20 us of work.</summary>
    private static void FanOut(TrialSetup setup, Action done)
    {
        int consumers = Math.Max(2, 2 * setup.Procs);
        int rounds = Math.Max(1, setup.Size / consumers);
        Scheduler.NewProc(() =>
        {
            G?[] waiting = new G?[consumers];
            bool end = false;
            Join join = new(consumers);
            int left = consumers;
            void EndOne()
            {
                if (Runtime.Interlocked.Add(ref left, -1) == 0)
                {
                    done();
                }
            }

            for (int i = 0; i < consumers; i++)
            {
                int me = i;
                Scheduler.NewProc(() =>
                {
                    while (true)
                    {
                        G g = M.Current!.CurG!;
                        Scheduler.GoPark((_, _) => Park(waiting, me, g, join), null, WaitReason.ChanReceive);
                        if (end)
                        {
                            EndOne();
                            return;
                        }

                        User.Compute(User.Around(20_000));
                    }
                });
            }

            for (int round = 0; round <= rounds; round++)
            {
                join.Wait();
                join = new Join(consumers);
                end = round == rounds;
                foreach (G? g in waiting)
                {
                    Scheduler.GoReady(g!);
                    Machine.Step(100);
                }
            }
        });
    }

    private static bool Park(G?[] waiting, int me, G g, Join join)
    {
        waiting[me] = g;
        join.Done();
        return true;
    }

    /// <summary>All sleep until the same moment, three times; 20 us of work after each. Each has a thread.</summary>
    private static void TimerBurst(TrialSetup setup, Action done)
    {
        int left = setup.Size;
        long first = Machine.Now + (setup.Size * 200_000L / setup.Procs) + 5_000_000;
        for (int i = 0; i < setup.Size; i++)
        {
            Scheduler.NewProc(() =>
            {
                for (int burst = 0; burst < 3; burst++)
                {
                    Scheduler.Sleep(first + (burst * 50_000_000L) - Machine.Now);
                    User.Compute(User.Around(20_000));
                }

                if (Runtime.Interlocked.Add(ref left, -1) == 0)
                {
                    done();
                }
            });
        }
    }

    /// <summary>Two for each P compute for 100 us times the size, and one for four Ps sleeps 1 ms at a time with 20 us of work in between.</summary>
    private static void Hogs(TrialSetup setup, Action done)
    {
        int hogs = 2 * setup.Procs;
        int sleepers = Math.Max(1, setup.Procs / 4);
        int left = hogs + sleepers;
        for (int i = 0; i < hogs + sleepers; i++)
        {
            bool sleeps = i >= hogs;
            Scheduler.NewProc(() =>
            {
                for (int n = 0; sleeps && n < 50; n++)
                {
                    Scheduler.Sleep(1_000_000);
                    User.Compute(User.Around(20_000));
                }

                User.Compute(sleeps ? 0 : setup.Size * 100_000L);
                if (Runtime.Interlocked.Add(ref left, -1) == 0)
                {
                    done();
                }
            });
        }
    }

    /// <summary>Two for each P compute until the end, and one sleeps 1 ms as often as the size says, with 20 us of work in between.</summary>
    private static void Naps(TrialSetup setup, Action done)
    {
        Histogram late = NapsLate = new();
        int left = (2 * setup.Procs) + 1;
        bool end = false;
        void EndOne()
        {
            if (Runtime.Interlocked.Add(ref left, -1) == 0)
            {
                done();
            }
        }

        for (int i = 0; i < 2 * setup.Procs; i++)
        {
            Scheduler.NewProc(() =>
            {
                while (!end)
                {
                    User.Compute(100_000);
                }

                EndOne();
            });
        }

        Scheduler.NewProc(() =>
        {
            for (int n = 0; n < setup.Size; n++)
            {
                long due = Machine.Now + 1_000_000;
                Scheduler.Sleep(1_000_000);
                late.Add(Math.Max(0, Machine.Now - due));
                User.Compute(User.Around(20_000));
            }

            end = true;
            EndOne();
        });
    }

    /// <summary>One pair for two Ps; each readies the other after 2 us of work and parks.</summary>
    private static void Pairs(TrialSetup setup, Action done)
    {
        int pairs = Math.Max(1, setup.Procs / 2);
        int turns = Math.Max(2, setup.Size / pairs / 2);
        int left = 2 * pairs;
        for (int i = 0; i < pairs; i++)
        {
            Pair pair = new();
            for (int side = 0; side < 2; side++)
            {
                int me = side;
                Scheduler.NewProc(() =>
                {
                    for (int n = 0; n < turns; n++)
                    {
                        pair.Wait(me);
                        User.Compute(User.Around(2_000));
                        pair.Pass(me);
                    }

                    if (Runtime.Interlocked.Add(ref left, -1) == 0)
                    {
                        done();
                    }
                });
            }
        }
    }

    /// <summary>A turn that two hand to each other. 0, 1: whose it is; 2, 3: the same, and the other sleeps.</summary>
    private sealed class Pair
    {
        private readonly G?[] _waiter = new G?[2];
        private int _state;

        internal void Wait(int me)
        {
            if ((Runtime.Volatile.Read(ref _state) & 1) == me)
            {
                return;
            }

            _waiter[me] = M.Current!.CurG!;
            Scheduler.GoPark((_, _) => Runtime.Interlocked.CompareExchange(ref _state, 2 + (1 - me), 1 - me) == 1 - me, null, WaitReason.ChanReceive);
        }

        internal void Pass(int me)
        {
            int other = 1 - me;
            if (Runtime.Interlocked.Exchange(ref _state, other) >= 2)
            {
                Scheduler.GoReady(_waiter[other]!);
            }
        }
    }

    /// <summary>One goroutine makes all the work, one piece of 50 us each microsecond.</summary>
    private static void Uneven(TrialSetup setup, Action done)
    {
        int left = setup.Size;
        Scheduler.NewProc(() =>
        {
            for (int i = 0; i < setup.Size; i++)
            {
                User.Compute(1_000);
                Scheduler.NewProc(() =>
                {
                    User.Compute(User.Around(50_000));
                    if (Runtime.Interlocked.Add(ref left, -1) == 0)
                    {
                        done();
                    }
                });
            }
        });
    }

    /// <summary>Threads that are no goroutines start goroutines of 50 us, so many that 0.7 of the Ps have work.</summary>
    private static void Arrivals(TrialSetup setup, Action done)
    {
        int sources = Math.Max(1, setup.Procs / 16);
        int each = setup.Size / sources;
        int left = each * sources;
        long gap = (long)(50_000.0 * sources / setup.Procs / 0.7);
        for (int s = 0; s < sources; s++)
        {
            Machine.Start(() =>
            {
                for (int i = 0; i < each; i++)
                {
                    Machine.Sleep(User.Around(gap));
                    Scheduler.NewProc(() =>
                    {
                        User.Compute(User.Around(50_000));
                        if (Runtime.Interlocked.Add(ref left, -1) == 0)
                        {
                            done();
                        }
                    });
                }
            });
        }
    }

    /// <summary>
    /// For lost wake-ups: few goroutines, each of which starts a short one now and then, or six long ones at once, and then computes for long, so that nothing happens which
    /// would make good for a wake-up that was lost. The others have just become idle, or are about to.
    /// </summary>
    private static void Sparse(TrialSetup setup, Action done)
    {
        int makers = Math.Max(1, setup.Procs / 4);
        int each = Math.Max(1, setup.Size / makers);
        int left = makers * each;
        for (int i = 0; i < makers; i++)
        {
            Scheduler.NewProc(() =>
            {
                for (int n = 0; n < each;)
                {
                    bool isBurst = Machine.Random(16) == 0;
                    for (int burst = isBurst ? Math.Min(6, each - n) : 1; burst > 0; burst--, n++)
                    {
                        Scheduler.NewProc(() =>
                        {
                            User.Compute(isBurst ? 1_000_000 : User.Around(500));
                            if (Runtime.Interlocked.Add(ref left, -1) == 0)
                            {
                                done();
                            }
                        });
                    }

                    User.Compute(isBurst || Machine.Random(3) == 0 ? 1_000_000 : User.Around(10_000));
                }
            });
        }
    }
}
