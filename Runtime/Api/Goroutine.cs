using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime;

/// <summary>
/// Goroutines for programs that want to use them directly. Unmodified programs need nothing of this: their own entry points
/// become goroutines. All members are safe to call from any thread; a thread that is no goroutine is adopted for the
/// length of the call where the call needs one.
/// </summary>
public static class Goroutine
{
    /// <summary>Starts a goroutine (Go: the go statement). It ends with the process at the latest, like a background thread.</summary>
    /// <param name="body">What it runs. An exception that leaves it ends the process, as on any thread.</param>
    /// <exception cref="ArgumentNullException"><paramref name="body"/> is null.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static unsafe void Start(Action body)
    {
        ArgumentNullException.ThrowIfNull(body);

        // Where it was called from, for dumps: two loads, since jitted code keeps frame pointers.
        byte here;
        Scheduler.NewProc(body, M.Current is M m ? AsyncPreempt.ReturnAddress(m.Slot, (nuint)(&here)) : 0);
    }

    /// <summary>Lets other goroutines run (Go: runtime.Gosched).</summary>
    public static void Yield()
    {
        if (M.Current != null)
        {
            Scheduler.GoSched();
        }
        else
        {
            Thread.Yield();
        }
    }

    /// <summary>Parks the calling goroutine for at least <paramref name="duration"/>; zero or less only yields (Go: time.Sleep).</summary>
    public static void Sleep(TimeSpan duration)
    {
        bool adopted = Adopt();
        Scheduler.Sleep(duration.Ticks > long.MaxValue / 100 ? long.MaxValue : duration.Ticks * 100);
        Release(adopted);
    }

    /// <summary>The id of the calling goroutine, 0 on a thread that is none. The program's main goroutine is 1.</summary>
    public static long CurrentId => M.Current?.CurG?.Id ?? 0;

    /// <summary>How many goroutines exist, at least 1 (Go: runtime.NumGoroutine).</summary>
    public static int Count => Math.Max(1, AllGs.Count);

    /// <summary>The number of Ps; setting it stops the world for a moment (Go: runtime.GOMAXPROCS).</summary>
    /// <param name="processors">The new number, or 0 to read only.</param>
    /// <returns>The number before.</returns>
    public static int MaxProcs(int processors = 0) => Scheduler.GoMaxProcs(Math.Min(processors, 1024));

    /// <summary>
    /// Binds the calling goroutine to its thread until UnlockOSThread was called as often (Go: runtime.LockOSThread).
    /// A goroutine that ends while locked takes its thread with it, so that whatever it did to the thread is gone too.
    /// </summary>
    /// <exception cref="InvalidOperationException">The calling thread is no goroutine.</exception>
    public static void LockOSThread() => Self().LockDepth++;

    /// <summary>Undoes one LockOSThread; without one it does nothing, as in Go.</summary>
    /// <exception cref="InvalidOperationException">The calling thread is no goroutine.</exception>
    public static void UnlockOSThread()
    {
        G g = Self();
        g.LockDepth = Math.Max(0, g.LockDepth - 1);
    }

    private static G Self() => M.Current?.CurG
        ?? throw new InvalidOperationException("The calling thread is not a goroutine; call this from code started by Goroutine.Start or from a woven Main.");

    private static bool Adopt()
    {
        if (M.Current != null)
        {
            return false;
        }

        Scheduler.NeedM();
        return true;
    }

    private static void Release(bool adopted)
    {
        if (adopted)
        {
            Scheduler.DropM();
        }
    }
}
