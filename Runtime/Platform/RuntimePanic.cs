using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace ILPreempt.Runtime.Platform;

/// <summary>
/// The two ways the runtime ends a process, after Go's throw and fatal. Throw: a bug of the runtime (illegal state edge, lost
/// invariant); what was found is printed and the process aborts, because going on would corrupt the program. Fatal: the
/// user ran into a limit; one message that names it, exit code 2 as in Go.
/// </summary>
internal static class RuntimePanic
{
    private static int s_endingThread;

    /// <summary>Prints what was found and aborts. Never returns.</summary>
    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Throw(string what)
    {
        BeFirst();
        Libc.WriteError($"ilpreempt: fatal error in the runtime: {what}\n{Scheduling.SchedTrace.Detail()}{Environment.StackTrace}\n");
        Diagnostics.Traceback.Print();
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            Libc.Abort();
        }

        Environment.FailFast(what);
    }

    /// <summary>Ends the process because of the user's limit or mistake. Never returns.</summary>
    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Fatal(string first, string error)
    {
        BeFirst();
        Libc.WriteError($"{first}\nfatal error: {error}\n");
        Diagnostics.Traceback.Print();
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            Libc.ExitNow(2);
        }

        Environment.FailFast(error);
    }

    /// <summary>One report only. A second thread waits for the end; a second failure of the reporting thread ends at once.</summary>
    private static void BeFirst()
    {
        int me = Environment.CurrentManagedThreadId;
        int first = Interlocked.CompareExchange(ref s_endingThread, me, 0);
        if (first == me)
        {
            Libc.Abort();
        }

        while (first != 0)
        {
            Thread.Sleep(Timeout.Infinite);
        }
    }
}
