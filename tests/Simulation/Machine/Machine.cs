using System.Runtime.InteropServices;

namespace ILPreempt.Simulation;

/// <summary>
/// A machine with as many CPUs as it has threads that want one, in virtual time. Its threads are OS threads of which one runs at a time;
/// each has a clock of its own, which every step puts forward. A thread whose clock has passed the next event of another stands back,
/// not at once but after a random lead: which of two steps that are close in time comes first differs from seed to seed, and one seed
/// gives one order, always. Every such order is one that a real machine could show: steps are atomic, and each thread's are in
/// program order. Stores are never delayed, so what only a weak memory model would show is not seen.
///
/// Rejected: a state machine written after the scheduler. It runs ten times as fast, and tests itself.
/// The kernel is as good as it can be: whoever is woken finds a CPU free, after the latency of a wake-up.
/// </summary>
internal static class Machine
{
    private const int StackBytes = 256 * 1024;

    private static readonly PriorityQueue<(SimThread Thread, int Version), (long Time, uint Order)> s_events = new();
    private static readonly Dictionary<nint, List<SimThread>> s_sleepers = [];
    private static readonly List<SimThread> s_live = [];
    private static readonly Stack<SimThread> s_pool = new();
    private static readonly List<SimThread> s_computing = [];
    private static readonly SimThread s_controller = new();
    private static SimThread? s_current;
    private static long s_until;
    private static long s_maxLead;
    private static long s_limit;
    private static ulong s_random;
    private static bool s_stopping;
    private static bool s_ending;
    private static int s_ended;

    /// <summary>Ends a thread of a simulation that is over.</summary>
    private sealed class StoppedException : Exception;

    /// <summary>Why the simulation failed; null if it did not.</summary>
    internal static string? Failure { get; private set; }

    /// <summary>A number that two runs share only if they took the same steps.</summary>
    internal static ulong Hash { get; private set; }

    internal static long Turns { get; private set; }
    internal static long Wakes { get; private set; }
    internal static long ThreadsMade { get; private set; }

    /// <summary>Computing time of all threads.</summary>
    internal static long Computed { get; private set; }

    /// <summary>What checks cost on their slow path, for nothing.</summary>
    internal static long SlowChecks;

    /// <summary>Called at each turn; may call Fail.</summary>
    internal static Action<long>? Observer { get; set; }

    /// <summary>Called on each OS thread after its simulated thread has ended.</summary>
    internal static Action? ThreadEnded { get; set; }

    /// <summary>The thread whose turn it is; null outside of a simulation and on threads that are not of it.</summary>
    internal static SimThread? Current => s_current;

    internal static long Now => s_current?.Time ?? 0;

    /// <summary>Runs <paramref name="first"/> and what it starts until Finish, a failure, or the limit of virtual time.</summary>
    internal static void Run(ulong seed, long maxLead, long limit, Action first)
    {
        s_random = (seed * 0x9E3779B97F4A7C15) ^ 0xD1B54A32D192ED03;
        s_maxLead = maxLead;
        s_limit = limit;
        s_stopping = s_ending = false;
        s_ended = 0;
        s_until = long.MaxValue;
        Failure = null;
        Hash = 14695981039346656037;
        Turns = Wakes = ThreadsMade = Computed = SlowChecks = 0;
        Start(first, 0);
        SimThread next = Next()!;
        s_current = next;
        next.GiveTurn();
        s_controller.AwaitTurn();
        s_stopping = s_ending = true;
        if (NextToEnd() is SimThread end)
        {
            s_current = end;
            end.GiveTurn();
            s_controller.AwaitTurn();
        }

        s_current = null;
        foreach (SimThread t in s_live)
        {
            s_pool.Push(t);
        }

        s_live.Clear();
        s_events.Clear();
        s_sleepers.Clear();
        s_computing.Clear();
    }

    /// <summary>What is counted begins here.</summary>
    internal static void ResetCounts() => Wakes = Computed = SlowChecks = 0;

    /// <summary>The simulation has shown what it was to show. Does not return.</summary>
    internal static void Finish()
    {
        s_stopping = true;
        throw new StoppedException();
    }

    /// <summary>Something that must not be. Does not return if called from a thread of the simulation.</summary>
    internal static void Fail(string what)
    {
        Failure ??= what;
        s_stopping = true;
        if (s_current != null)
        {
            throw new StoppedException();
        }
    }

    /// <summary>An action takes place <paramref name="ns"/> later; others may come first.</summary>
    internal static void Step(long ns)
    {
        if (s_current is SimThread t && !s_stopping)
        {
            t.Time += ns;
            if (t.Time >= s_until)
            {
                Enqueue(t, t.Time);
                SwitchFrom(t);
            }
        }
    }

    internal static void Sleep(long ns)
    {
        SimThread t = s_current!;
        Enqueue(t, t.Time + ns);
        SwitchFrom(t);
    }

    /// <summary>Sleeps on a word until Wake, or for a time (negative: no limit).</summary>
    internal static void Block(nint word, long ns)
    {
        SimThread t = s_current!;
        if (s_stopping)
        {
            throw new StoppedException();
        }

        t.Word = word;
        if (!s_sleepers.TryGetValue(word, out List<SimThread>? list))
        {
            s_sleepers.Add(word, list = []);
        }

        list.Add(t);
        if (ns >= 0)
        {
            Enqueue(t, t.Time + ns + WakeLatency());
        }

        long began = t.Time;
        t.LongestAwake = Math.Max(t.LongestAwake, began - t.WokeAt);
        SwitchFrom(t);
        t.WokeAt = t.Time;
        t.Slept += t.Time - began;
        if (t.Word != 0)
        {
            list.Remove(t);
            t.Word = 0;
        }
    }

    /// <summary>Whether somebody sleeps on the word; the one who has slept longest is on its way then.</summary>
    internal static bool Wake(nint word)
    {
        if (s_current is not SimThread waker || !s_sleepers.TryGetValue(word, out List<SimThread>? list) || list.Count == 0)
        {
            return false;
        }

        SimThread t = list[0];
        list.RemoveAt(0);
        t.Word = 0;
        t.Version++;
        Wakes++;
        Enqueue(t, waker.Time + WakeLatency());
        return true;
    }

    /// <summary>User code runs, for <paramref name="ns"/> or until Interrupt. Returns how long.</summary>
    internal static long Compute(long ns)
    {
        SimThread t = s_current!;
        long began = t.Time;
        t.Computes = true;
        s_computing.Add(t);
        Enqueue(t, t.Time + ns);
        SwitchFrom(t);
        if (t.Computes)
        {
            t.Computes = false;
            s_computing.Remove(t);
        }

        Computed += t.Time - began;
        return t.Time - began;
    }

    /// <summary>Ends all Compute, at one CPU after another: the line with the poll word comes to each.</summary>
    internal static void Interrupt()
    {
        long time = (s_current?.Time ?? 0) + Costs.Miss;
        foreach (SimThread t in s_computing)
        {
            t.Computes = false;
            t.Version++;
            Enqueue(t, Math.Max(time, t.Time));
            time += Costs.ReadHold;
        }

        s_computing.Clear();
    }

    /// <summary>A new thread, ready to run after the latency of a wake-up.</summary>
    internal static SimThread Start(Action body, long latency = -1)
    {
        if (!s_pool.TryPop(out SimThread? t))
        {
            t = new SimThread();
            SimThread made = t;
            new System.Threading.Thread(() => Life(made), StackBytes) { IsBackground = true }.UnsafeStart();
        }

        ThreadsMade++;
        Array.Clear(t.Seen);
        t.Body = body;
        t.Word = 0;
        t.Computes = false;
        t.Time = t.WokeAt = Now;
        t.Slept = t.LongestAwake = t.LockWanted = t.LockTaken = 0;
        t.Version++;
        t.Id = s_live.Count;
        s_live.Add(t);
        Enqueue(t, Now + (latency < 0 ? WakeLatency() : latency));
        return t;
    }

    /// <summary>A random number below <paramref name="bound"/>.</summary>
    internal static long Random(long bound)
    {
        s_random ^= s_random << 13;
        s_random ^= s_random >> 7;
        s_random ^= s_random << 17;
        return (long)((s_random >> 11) % (ulong)bound);
    }

    private static long WakeLatency()
    {
        double u = (Random(1 << 20) + 1) / (double)(1 << 20);
        return Math.Min(Costs.WakeMost, Costs.WakeLeast - (long)(Costs.WakeTail * Math.Log(u)));
    }

    private static void Enqueue(SimThread t, long time)
    {
        s_events.Enqueue((t, t.Version), (time, (uint)Random(1 << 30)));
        if (time < s_until)
        {
            s_until = time + Lead();
        }
    }

    private static long Lead() => s_maxLead == 0 ? 0 : Random(s_maxLead + 1);

    private static void SwitchFrom(SimThread t)
    {
        if (s_stopping)
        {
            throw new StoppedException();
        }

        SimThread? next = Next();
        if (next == null)
        {
            s_stopping = true;
            throw new StoppedException();
        }

        if (next != t)
        {
            s_current = next;
            next.GiveTurn();
            t.AwaitTurn();
        }

        if (s_stopping)
        {
            throw new StoppedException();
        }

        if (Observer is Action<long> observe)
        {
            // What it reads costs nothing and is no step.
            s_current = null;
            observe(t.Time);
            s_current = t;
            if (s_stopping)
            {
                throw new StoppedException();
            }
        }
    }

    private static SimThread? Next()
    {
        while (s_events.TryDequeue(out (SimThread Thread, int Version) e, out (long Time, uint Order) key))
        {
            SimThread t = e.Thread;
            if (e.Version != t.Version)
            {
                continue;
            }

            t.Version++;
            t.Time = Math.Max(t.Time, key.Time);
            Turns++;
            Hash = (Hash ^ ((ulong)t.Time << 16) ^ (uint)t.Id) * 1099511628211;
            s_until = s_events.TryPeek(out _, out (long Time, uint Order) after) ? after.Time + Lead() : long.MaxValue;
            if (t.Time <= s_limit)
            {
                return t;
            }

            Failure ??= $"not at its end after {s_limit / 1_000_000} ms";
            return null;
        }

        Failure ??= "nothing will ever happen again";
        return null;
    }

    private static void Life(SimThread t)
    {
        SimThread.StayOnOneCpu();
        while (true)
        {
            t.AwaitTurn();
            try
            {
                if (!s_stopping)
                {
                    t.Body!();
                }
            }
            catch (StoppedException)
            {
            }
            catch (Exception e)
            {
                Failure ??= e.ToString();
                s_stopping = true;
            }

            ThreadEnded?.Invoke();
            t.Body = null;
            SimThread? next = s_stopping ? (s_ending ? NextToEnd() : null) : Next();
            s_current = next;
            (next ?? s_controller).GiveTurn();
        }
    }

    private static SimThread? NextToEnd()
    {
        while (s_ended < s_live.Count)
        {
            SimThread t = s_live[s_ended++];
            if (t.Body != null)
            {
                return t;
            }
        }

        return null;
    }
}
