using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Simulation;
using Real = System.Threading;

// The scheduler's sources say Interlocked, Volatile and Thread. They stand in namespace ILPreempt.Runtime.Scheduling, so these types here
// are nearer than those of System.Threading. Each access is one step of the machine, and takes place when its thread has the turn.
namespace ILPreempt.Runtime;

internal static class Access
{
    /// <summary>Interlocked operations, volatile stores and loads.</summary>
    internal static unsafe void Atomic<T>(ref T location)
    {
        if (Machine.Current is SimThread t)
        {
            int line = Lines.Of((nint)Unsafe.AsPointer(ref location));
            Machine.Step(line != 0 ? Lines.Write(t, line) : Costs.Atomic);
        }
    }

    internal static unsafe void Store<T>(ref T location)
    {
        if (Machine.Current is SimThread t)
        {
            int line = Trial.LineOf(ref Unsafe.As<T, byte>(ref location));
            Machine.Step(line != 0 ? Lines.Write(t, line) : Costs.Store);
        }
    }

    internal static unsafe void Load<T>(ref T location)
    {
        if (Machine.Current is SimThread t)
        {
            int line = Trial.LineOf(ref Unsafe.As<T, byte>(ref location));
            Machine.Step(line != 0 ? Lines.Read(t, line) : Costs.Hit);
        }
    }

    /// <summary>Head and tail of a P's queue are the only uints that are read so; whose they are tells the price.</summary>
    internal static void LoadOfQueue(ref uint location)
    {
        if (Machine.Current != null)
        {
            Machine.Step(M.Current?.P?.RunQueue is LocalRunQueue own && IsIn(own, ref location) ? Costs.Hit : Costs.ForeignQueue);
        }
    }

    private static bool IsIn(LocalRunQueue queue, ref uint location) =>
        Trial.IsIn(queue, ref Unsafe.As<uint, byte>(ref location), 48);
}

internal static class Interlocked
{
    internal static int CompareExchange(ref int location, int value, int comparand)
    {
        long began = Machine.Now;
        Access.Atomic(ref location);
        int before = location;
        location = before == comparand ? value : before;
        Trial.OnExchange(ref location, before, value, began);
        return before;
    }

    internal static uint CompareExchange(ref uint location, uint value, uint comparand)
    {
        Access.Atomic(ref location);
        return Real.Interlocked.CompareExchange(ref location, value, comparand);
    }

    internal static long CompareExchange(ref long location, long value, long comparand)
    {
        Access.Atomic(ref location);
        return Real.Interlocked.CompareExchange(ref location, value, comparand);
    }

    internal static T CompareExchange<T>(ref T location, T value, T comparand)
        where T : class?
    {
        Access.Atomic(ref location);
        return Real.Interlocked.CompareExchange(ref location, value, comparand);
    }

    internal static int Exchange(ref int location, int value)
    {
        long began = Machine.Now;
        Access.Atomic(ref location);
        int before = location;
        location = value;
        Trial.OnExchange(ref location, before, value, began);
        return before;
    }

    internal static T Exchange<T>(ref T location, T value)
        where T : class?
    {
        Access.Atomic(ref location);
        return Real.Interlocked.Exchange(ref location, value);
    }

    internal static int Increment(ref int location) => Add(ref location, 1);

    internal static int Decrement(ref int location) => Add(ref location, -1);

    internal static long Increment(ref long location)
    {
        Access.Atomic(ref location);
        return ++location;
    }

    internal static long Add(ref long location, long value)
    {
        Access.Atomic(ref location);
        return location += value;
    }

    internal static int Add(ref int location, int value)
    {
        Access.Atomic(ref location);
        location += value;
        int after = location;
        if (Unsafe.AreSame(ref location, ref StackGuard.Poll) && (after == 0 || after == value))
        {
            Trial.PollChanged(isUp: after != 0);
        }

        return after;
    }

    internal static void MemoryBarrier() => Machine.Step(Costs.Atomic);
}

internal static class Volatile
{
    internal static uint Read(ref uint location)
    {
        Access.LoadOfQueue(ref location);
        return location;
    }

    internal static T Read<T>(ref T location)
    {
        Access.Load(ref location);
        return location;
    }

    internal static void Write(ref nuint location, nuint value) => Write<nuint>(ref location, value);

    internal static void Write<T>(ref T location, T value)
    {
        Access.Store(ref location);
        location = value;
    }
}

internal struct SpinWait
{
    internal readonly void SpinOnce(int sleep1Threshold)
    {
        _ = sleep1Threshold;
        Machine.Step(20 * Costs.SpinIteration);
    }
}

internal sealed class Thread(Action body, int stackBytes)
{
    [ThreadStatic]
    private static Thread? t_current;

    internal static Thread CurrentThread => t_current ??= new Thread(static () => { }, 0);

    internal bool IsBackground { get; init; }

    internal string? Name { get; init; }

    internal bool IsAlive { get; } = true;

    internal bool IsThreadPoolThread { get; }

    internal ThreadState ThreadState { get; }

    internal int StackBytes => stackBytes;

    internal void UnsafeStart()
    {
        SimThread started = Machine.Start(body);
        if (Name != null)
        {
            Trial.SysMonThread = started;
        }

        Machine.Step(Costs.NewThread);
    }

    internal static void SpinWait(int iterations) => Machine.Step(iterations * Costs.SpinIteration);

    internal static void Sleep(int milliseconds) => Machine.Sleep(milliseconds * 1_000_000L);

    internal static void Yield() => Machine.Step(Costs.FutexNobody);
}
