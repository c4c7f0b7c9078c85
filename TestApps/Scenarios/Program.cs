// One program with many small scenarios of the runtime, chosen by name, for tests that need a process of their own: limits,
// crashes, settings. It carries its checks by hand, so that it needs neither the weaver nor the host.
using System.Runtime.CompilerServices;
using ILPreempt.Runtime;
using ILPreempt.Runtime.Scheduling;

Dictionary<string, Action> scenarios = new()
{
    ["main-id"] = MainId,
    ["thread-exhaustion"] = () => ParkMany(100, wait: true),
    ["ten-thousand"] = () => ParkMany(10_000, wait: true),
    ["illegal-edge"] = () => new G(7, 0, null).CasStatus(GStatus.Dead, GStatus.Running),
    ["lost-state"] = () => new G(7, 0, null).CasStatus(GStatus.Waiting, GStatus.Runnable),
    ["double-ready"] = DoubleReady,
    ["uncaught"] = () => { Goroutine.Start(() => throw new InvalidOperationException("thrown in a goroutine")); Thread.Sleep(Timeout.Infinite); },
    ["recursion"] = Recursion,
    ["stress"] = Stress,
    ["settings"] = () => { Scheduler.EnsureStarted(); Console.WriteLine($"{Goroutine.MaxProcs()} {Settings.SliceNs} {Settings.MaxThreads} {Settings.StackBytes}"); },
    ["trace"] = Trace,
    ["deadlock"] = DeadlockForever,
    ["waits-for-dotnet"] = () => { Task.Delay(300).Wait(); Console.WriteLine("woken"); },
    ["dump-me"] = DumpMe,
};

if (args[0] == "plain-threads")
{
    PlainThreads();
    return;
}

EntryPoint.Enter();
scenarios[args[0]]();
EntryPoint.Exit();

static void Check()
{
    if (Volatile.Read(ref StackGuard.Poll) != 0)
    {
        StackGuard.MoreStack();
    }
}

// Main and another goroutine park and nobody knows them; a timer of .NET ends the process some time after the report, if that does not.
static void DeadlockForever()
{
    int ticks = 0;
    using Timer end = new(
        _ =>
        {
            if (Deadlock.HasReported || ++ticks > 100)
            {
                Environment.Exit(7);
            }
        },
        null,
        200,
        200);
    Goroutine.Start(() => Scheduler.GoPark(null, null, WaitReason.ChanReceive));
    Scheduler.GoPark(null, null, WaitReason.Select);
}

static void MainId()
{
    Console.WriteLine(Goroutine.CurrentId);
    long child = 0;
    Goroutine.Start(() => Volatile.Write(ref child, Goroutine.CurrentId));
    while (Volatile.Read(ref child) == 0)
    {
        Goroutine.Yield();
    }

    Console.WriteLine(child > 1);
    Console.WriteLine(Goroutine.CurrentId);
}

// Parks n started goroutines at once, each with its thread, then lets them all go.
static void ParkMany(int n, bool wait)
{
    List<G> parked = new();
    int ended = 0;
    for (int i = 0; i < n; i++)
    {
        Goroutine.Start(() =>
        {
            Scheduler.GoPark(static (g, list) => { lock (list) { ((List<G>)list).Add(g); } return true; }, parked, WaitReason.SemAcquire);
            Interlocked.Increment(ref ended);
        });
    }

    while (true)
    {
        lock (parked)
        {
            if (parked.Count == n)
            {
                break;
            }
        }

        Goroutine.Sleep(TimeSpan.FromMilliseconds(5));
    }

    Console.WriteLine($"parked {parked.Count}");
    foreach (G g in parked)
    {
        Scheduler.GoReady(g);
    }

    while (Volatile.Read(ref ended) < n)
    {
        Goroutine.Sleep(TimeSpan.FromMilliseconds(5));
    }

    Console.WriteLine($"ended {ended}");
}

static void DoubleReady()
{
    G parked = null;
    Goroutine.Start(() => Scheduler.GoPark((g, _) => { Volatile.Write(ref parked, g); return true; }, null, WaitReason.SemAcquire));
    while (Volatile.Read(ref parked) == null)
    {
        Goroutine.Yield();
    }

    Goroutine.MaxProcs(1);
    Scheduler.GoReady(parked);
    Scheduler.GoReady(parked);
}

static void Recursion()
{
    for (int i = 0; i < 3; i++)
    {
        using ManualResetEventSlim done = new();
        Goroutine.Start(() =>
        {
            try
            {
                Deep(0);
            }
            catch (InsufficientExecutionStackException)
            {
                Console.WriteLine("caught");
            }

            done.Set();
        });
        done.Wait();
    }

    // The last goroutine has said that it is done, and may still be ending.
    for (int i = 0; i < 1000 && Volatile.Read(ref StackGuard.Poll) != 0; i++)
    {
        Goroutine.Sleep(TimeSpan.FromMilliseconds(5));
    }

    Console.WriteLine($"poll {Volatile.Read(ref StackGuard.Poll)}");
}

[MethodImpl(MethodImplOptions.NoInlining)]
static int Deep(int n)
{
    Check();
    return Deep(n + 1) + n;
}

static void Stress()
{
    const int Checks = 1000;
    long before = Scheduler.PreemptionsByCheck;
    for (int i = 0; i < Checks; i++)
    {
        Check();
    }

    Console.WriteLine(Scheduler.PreemptionsByCheck - before);
}

static void Trace()
{
    long end = Environment.TickCount64 + 400;
    while (Environment.TickCount64 < end)
    {
        Check();
    }
}

// One goroutine in each state a dump must show, then waits to be ended by a signal.
static void DumpMe()
{
    using ManualResetEventSlim never = new();
    Goroutine.Start(Receiver);
    Goroutine.Start(Sleeper);
    Goroutine.Start(Locked);
    Goroutine.Start(Spinner);
    while (AllGs.Snapshot().Count(g => g.Status == GStatus.Waiting) < 3)
    {
        Goroutine.Yield();
    }

    Console.WriteLine($"ready {Environment.ProcessId}");
    never.Wait();
}

static void Receiver() => Scheduler.GoPark(null, null, WaitReason.ChanReceive);

static void Sleeper() => Goroutine.Sleep(TimeSpan.FromHours(1));

static void Locked()
{
    Goroutine.LockOSThread();
    Scheduler.GoPark(null, null, WaitReason.SemAcquire);
}

static void Spinner()
{
    while (true)
    {
        Check();
    }
}

// A process in which nothing of the runtime is loaded but its name.
[MethodImpl(MethodImplOptions.NoInlining)]
static void PlainThreads()
{
    Console.WriteLine($"ready {Environment.ProcessId}");
    Thread.Sleep(Timeout.Infinite);
}
