using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using ILPreempt.Runtime;
using ILPreempt.Runtime.Diagnostics;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Simulation;

/// <summary>What to simulate.</summary>
internal sealed record TrialSetup(string Workload, int Procs, ulong Seed, int Size)
{
    /// <summary>How far a thread may run ahead of the others, in virtual ns.</summary>
    internal long MaxLead { get; init; } = 300;

    /// <summary>At every n-th turn the invariants are looked at.</summary>
    internal int Every { get; init; } = 1;

    /// <summary>Virtual time at most.</summary>
    internal long Limit { get; init; } = 20_000_000_000;

    internal bool Wakeup { get; init; } = true;

    /// <summary>Whether the threads are there before it begins: making them one after another is most of what a short program does.</summary>
    internal bool Warm { get; init; }
}

/// <summary>What was seen.</summary>
internal sealed record TrialResult(TrialSetup Setup)
{
    internal string? Failure { get; init; }
    internal ulong Hash { get; init; }
    internal long Turns { get; init; }
    internal long Elapsed { get; init; }
    internal double Utilisation { get; init; }
    internal long Goroutines { get; init; }
    internal long Starts { get; init; }
    internal long Steals { get; init; }
    internal long Wakes { get; init; }
    internal long Preemptions { get; init; }
    internal long Threads { get; init; }
    internal Histogram Latency { get; init; } = new();
    internal Histogram LockWait { get; init; } = new();
    internal Histogram LockHold { get; init; } = new();
    internal double PollUp { get; init; }
    internal double SlowChecks { get; init; }
    internal long SysMonRounds { get; init; }
    internal double SysMonRound { get; init; }
    internal long SysMonLongest { get; init; }
    internal double SysMonShare { get; init; }
}

/// <summary>
/// One simulation, from a fresh scheduler to the end of the workload's last goroutine, and what must hold meanwhile:
/// no work waits beside an idle P while nobody looks for it, no P runs two goroutines, no more run than there are Ps, no queue is
/// longer than its ring, and all end.
/// </summary>
internal static unsafe class Trial
{
    /// <summary>
    /// How long work may wait beside an idle P with nobody on the way. A submitter between its Put and its WakeP is such a moment, and it
    /// may sleep for the scheduler's lock there.
    /// </summary>
    internal const long Bound = 300_000;

    private const string Root = "ILPreempt.Runtime";

    private static readonly FieldInfo[] s_statics = [.. Assembly.GetExecutingAssembly().GetTypes()
        .Where(t => t.Namespace?.StartsWith(Root, StringComparison.Ordinal) == true && t != typeof(Table) && !t.IsGenericTypeDefinition)
        .SelectMany(t => t.GetFields(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
        .Where(f => !f.IsLiteral && !f.IsInitOnly && !f.Name.Contains('<'))];

    private static readonly FieldInfo[] s_threadStatics = [.. s_statics.Where(f => f.IsDefined(typeof(ThreadStaticAttribute)))];

    private static TrialSetup s_setup = new("", 1, 0, 0);
    private static G?[] s_running = [];
    private static int s_runningCount;
    private static int s_untilLook;
    private static long s_lostSince;
    private static long s_timerLostSince;
    private static long s_starts;
    private static long s_goroutines;
    private static long s_elapsed;
    private static long s_began;
    private static long s_sysMonAwake;
    private static nint s_schedLock;
    private static int s_globalQueueLine;
    private static long s_pollSince;
    private static long s_pollUp;
    private static Histogram s_latency = new();
    private static Histogram s_lockWait = new();
    private static Histogram s_lockHold = new();

    /// <summary>The line of the lock of the goroutines' rows; 0 before the scheduler has started.</summary>
    internal static int RowsLine { get; private set; }

    internal static SimThread? SysMonThread { get; set; }

    internal static TrialResult Run(TrialSetup setup)
    {
        s_setup = setup;
        Reset();
        Settings.MaxProcs = setup.Procs;
        Settings.MaxThreads = 1_000_000;
        Settings.Wakeup = setup.Wakeup;
        Machine.Observer = Observe;
        Machine.ThreadEnded = static () => SetToDefault(s_threadStatics);
        Machine.Run(setup.Seed, setup.MaxLead, setup.Limit, Environment);
        SimThread? sysmon = SysMonThread;
        double rounds = Math.Max(1, SysMon.Rounds);
        double awake = sysmon == null ? 0 : sysmon.WokeAt - sysmon.Slept - s_sysMonAwake;
        return new TrialResult(setup)
        {
            Failure = Machine.Failure,
            Hash = Machine.Hash,
            Turns = Machine.Turns,
            Elapsed = s_elapsed,
            Utilisation = Machine.Computed / (double)Math.Max(1, s_elapsed) / setup.Procs,
            Goroutines = s_goroutines,
            Starts = s_starts,
            Steals = Scheduler.Steals,
            Wakes = Machine.Wakes,
            Preemptions = Scheduler.PreemptionsByCheck,
            Threads = Machine.ThreadsMade,
            Latency = s_latency,
            LockWait = s_lockWait,
            LockHold = s_lockHold,
            PollUp = s_pollUp / (double)Math.Max(1, s_elapsed),
            SlowChecks = Machine.SlowChecks / (double)Math.Max(1, Machine.Computed),
            SysMonRounds = SysMon.Rounds,
            SysMonRound = awake / rounds,
            SysMonLongest = sysmon?.LongestAwake ?? 0,
            SysMonShare = awake / Math.Max(1, s_elapsed),
        };
    }

    /// <summary>A change of a goroutine's state, right after it.</summary>
    internal static void Changed(G g, GStatus from, GStatus to)
    {
        if (Machine.Current == null)
        {
            return;
        }

        long now = Machine.Now;
        if (to == GStatus.Runnable)
        {
            g.ReadySince = now;
        }

        if (from == GStatus.Idle)
        {
            s_goroutines++;
        }

        if (from == GStatus.Running)
        {
            s_runningCount--;
            for (int i = 0; i < s_running.Length; i++)
            {
                if (s_running[i] == g)
                {
                    s_running[i] = null;
                    return;
                }
            }

            Machine.Fail($"g{g.Id} stops running and ran nowhere");
        }

        if (to == GStatus.Running)
        {
            s_starts++;
            s_latency.Add(Math.Max(0, now - g.ReadySince));
            int p = M.Current!.P!.Id;
            if (s_running[p] is G other)
            {
                Machine.Fail($"p{p} runs g{other.Id} and g{g.Id}");
            }

            s_running[p] = g;
            if (++s_runningCount > s_setup.Procs)
            {
                Machine.Fail($"{s_runningCount} goroutines run on {s_setup.Procs} Ps");
            }
        }
    }

    /// <summary>An exchange of a word that may be that of the scheduler's lock: 0 to 1 or 2 takes it, 0 frees it.</summary>
    internal static void OnExchange(ref int word, int before, int value, long began)
    {
        if (Machine.Current is not SimThread t)
        {
            return;
        }

        if ((nint)Unsafe.AsPointer(ref word) != s_schedLock)
        {
            return;
        }

        if (value == 0)
        {
            s_lockHold.Add(t.Time - t.LockTaken);
        }
        else if (before == 0)
        {
            s_lockWait.Add(t.Time - (t.LockWanted != 0 ? t.LockWanted : began));
            t.LockWanted = 0;
            t.LockTaken = t.Time;
        }
        else if (t.LockWanted == 0)
        {
            t.LockWanted = began;
        }
    }

    /// <summary>The poll word went up from zero or came down to it.</summary>
    internal static void PollChanged(bool isUp)
    {
        if (isUp)
        {
            s_pollSince = Machine.Now;
            Machine.Interrupt();
        }
        else
        {
            s_pollUp += Machine.Now - s_pollSince;
        }
    }

    internal static int LineOf(ref byte location) =>
        s_globalQueueLine != 0 && IsIn(Scheduler.RunQ, ref location, 72) ? s_globalQueueLine : Lines.Of((nint)Unsafe.AsPointer(ref location));

    /// <summary>Whether a field lies in an object. Addresses do not do: the collector moves objects.</summary>
    internal static bool IsIn(object o, ref byte location, int size)
    {
        nint offset = Unsafe.ByteOffset(ref Unsafe.As<Box>(o).First, ref location);
        return offset >= 0 && offset < size;
    }

    private sealed class Box
    {
        internal byte First = 0;
    }

    /// <summary>The program's first thread, which is none of the scheduler's.</summary>
    private static void Environment()
    {
        Scheduler.EnsureStarted();
        RegisterLines();
        bool done = false;
        if (s_setup.Warm)
        {
            WarmUp();
        }

        Action<TrialSetup, Action> start = Workloads.All[s_setup.Workload];
        start(s_setup, () => done = true);
        while (!done || AllGs.Count != 0 || Scheduler.NPIdle != s_setup.Procs)
        {
            s_elapsed = Machine.Now - s_began;
            Machine.Sleep(20_000);
        }

        Machine.Finish();
    }

    /// <summary>Half as many goroutines more than there are Ps wait for each other, so that as many threads exist. What is counted begins after that.</summary>
    private static void WarmUp()
    {
        int threads = s_setup.Procs + Math.Max(4, s_setup.Procs / 2);
        bool done = false;
        Scheduler.NewProc(() =>
        {
            Join arrived = new(threads);
            Join[] gates = new Join[threads];
            for (int i = 0; i < threads; i++)
            {
                Join gate = gates[i] = new Join(1);
                Scheduler.NewProc(() =>
                {
                    arrived.Done();
                    gate.Wait();
                });
            }

            arrived.Wait();
            foreach (Join gate in gates)
            {
                gate.Done();
            }

            done = true;
        });
        while (!done || AllGs.Count != 0 || Scheduler.NPIdle != s_setup.Procs)
        {
            Machine.Sleep(50_000);
        }

        s_latency = new Histogram();
        s_lockWait = new Histogram();
        s_lockHold = new Histogram();
        s_starts = s_goroutines = s_pollUp = 0;
        s_began = Machine.Now;
        Scheduler.Steals = SysMon.Rounds = 0;
        Machine.ResetCounts();
        if (SysMonThread is SimThread sysmon)
        {
            s_sysMonAwake = sysmon.WokeAt - sysmon.Slept;
            sysmon.LongestAwake = 0;
        }
    }

    private static void Observe(long now)
    {
        if (--s_untilLook > 0)
        {
            return;
        }

        s_untilLook = s_setup.Every;
        P[] all = Scheduler.AllP;
        if (all.Length != s_setup.Procs || Scheduler.NPIdle == 0)
        {
            s_lostSince = s_timerLostSince = 0;
            return;
        }

        bool queued = Scheduler.RunQ.Count != 0;
        bool scheduling = false;
        long due = long.MaxValue;
        foreach (P p in all)
        {
            int n = p.RunQueue.Count;
            queued |= n != 0;
            scheduling |= p.Status == PStatus.Scheduling;
            if (p.Timers.Earliest is var earliest and not 0)
            {
                due = Math.Min(due, earliest);
            }

            if (n > LocalRunQueue.Capacity + 1)
            {
                Machine.Fail($"p{p.Id} has {n} goroutines queued");
            }
        }

        bool nobody = Scheduler.NMSpinning == 0;
        Watch(ref s_lostSince, nobody && queued, now, "a goroutine is queued");
        Watch(ref s_timerLostSince, nobody && !scheduling && due <= now, now, "a timer is due");
    }

    private static void Watch(ref long since, bool isLost, long now, string what)
    {
        if (!isLost)
        {
            since = 0;
        }
        else if (since == 0)
        {
            since = now;
        }
        else if (now - since > Bound)
        {
            Machine.Fail($"lost wake-up: {what}, {Scheduler.NPIdle} Ps are idle, and nobody has looked since {since / 1000.0:F1} us (now {now / 1000.0:F1} us)");
        }
    }

    /// <summary>Lays the words of the scheduler's classes on lines as the runtime has laid them, and gives each lock and each P one.</summary>
    private static void RegisterLines()
    {
        Lines.Clear();
        foreach (Type type in (ReadOnlySpan<Type>)[typeof(Scheduler), typeof(SysMon), typeof(StackGuard), typeof(AllGs), typeof(AllMs)])
        {
            nint[] words = [.. s_statics.Where(f => f.DeclaringType == type && (f.FieldType == typeof(int) || f.FieldType == typeof(long)) && !s_threadStatics.Contains(f)).Select(AddressOf)];
            Dictionary<nint, int> lines = [];
            foreach (nint word in words)
            {
                nint at = (word - words.Min()) / 64;
                if (!lines.TryGetValue(at, out int line))
                {
                    lines.Add(at, line = Lines.New());
                }

                Lines.Add(word, line);
            }
        }

        s_schedLock = WordOf(Scheduler.RunQ.Lock);
        Lines.Add(s_schedLock, Lines.New());
        foreach (RuntimeLock l in LocksOf(typeof(AllGs)).Concat(LocksOf(typeof(AllMs))))
        {
            Lines.Add(WordOf(l), Lines.New());
        }

        s_globalQueueLine = Lines.New();
        RowsLine = Lines.New();
        foreach (P p in Scheduler.AllP)
        {
            Lines.Add((nint)p.StateWord, Lines.New());
            Lines.Add(WordOf((RuntimeLock)typeof(TimerHeap).GetField("_lock", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(p.Timers)!), Lines.New());
        }
    }

    /// <summary>The locks in the static fields of a class, and in what its arrays hold.</summary>
    private static IEnumerable<RuntimeLock> LocksOf(Type type)
    {
        foreach (object? value in s_statics.Where(f => f.DeclaringType == type).Select(static f => f.GetValue(null)))
        {
            foreach (object part in value as object[] ?? (value == null ? [] : [value]))
            {
                if ((part as RuntimeLock ?? part.GetType().GetField("Lock", BindingFlags.Instance | BindingFlags.NonPublic)?.GetValue(part)) is RuntimeLock found)
                {
                    yield return found;
                }
            }
        }
    }

    private static nint WordOf(RuntimeLock of) =>
        (nint)Pointer.Unbox(typeof(RuntimeLock).GetField("_word", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(of)!);

    private static nint AddressOf(FieldInfo field)
    {
        DynamicMethod method = new("Address", typeof(nint), null, field.DeclaringType!, skipVisibility: true);
        ILGenerator il = method.GetILGenerator();
        il.Emit(OpCodes.Ldsflda, field);
        il.Emit(OpCodes.Conv_U);
        il.Emit(OpCodes.Ret);
        return (nint)method.Invoke(null, null)!;
    }

    /// <summary>A fresh scheduler: all static fields as their types' initialisers leave them.</summary>
    private static void Reset()
    {
        RuntimeHelpers.RunClassConstructor(typeof(Table).TypeHandle);
        SetToDefault(s_statics);
        foreach (Type type in s_statics.Select(f => f.DeclaringType!).Distinct())
        {
            // Invoke would run it only if it has never run.
            if (type.TypeInitializer is ConstructorInfo initializer)
            {
                ((delegate*<void>)initializer.MethodHandle.GetFunctionPointer())();
            }
        }

        s_globalQueueLine = RowsLine = 0;
        Lines.Clear();
        SysMonThread = null;
        s_running = new G?[s_setup.Procs];
        s_runningCount = s_untilLook = 0;
        s_lostSince = s_timerLostSince = s_began = s_sysMonAwake = s_starts = s_goroutines = s_elapsed = s_pollUp = 0;
        s_schedLock = 0;
        s_latency = new Histogram();
        s_lockWait = new Histogram();
        s_lockHold = new Histogram();
    }

    private static void SetToDefault(FieldInfo[] fields)
    {
        foreach (FieldInfo field in fields)
        {
            field.SetValue(null, field.FieldType.IsValueType && !field.FieldType.IsPointer ? RuntimeHelpers.GetUninitializedObject(field.FieldType) : null);
        }
    }
}
