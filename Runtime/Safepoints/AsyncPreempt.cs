using System.Diagnostics;
using ILPreempt.Runtime.Diagnostics;
using ILPreempt.Runtime.Loading;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime;

/// <summary>
/// The door to the native helper (native/preempt.c), which stops threads by a signal. Where it can't be used (no helper, another
/// system, CoreCLR's thread flag not found, a debugger, somebody else's signal) goroutines are stopped at checks only; Reason
/// then says why.
/// </summary>
internal static unsafe class AsyncPreempt
{
    /// <summary>How often a debugger is looked for.</summary>
    private const long LookAgainNs = 100_000_000;

    /// <summary>How often the map of code may be read again. Reading it takes about 0.3 ms.</summary>
    private const long ReadAgainNs = 10_000_000;

    /// <summary>What is used when the program turns out to handle the signal itself: real-time signals near the middle, which few use.</summary>
    private static readonly int[] s_spareSignals = [44, 45, 46];

    private static delegate* unmanaged<int, int*, int, int> s_install;
    private static delegate* unmanaged<MSlot*, void> s_register;
    private static delegate* unmanaged<MSlot*, void> s_unregister;
    private static delegate* unmanaged<MSlot*, int> s_preempt;
    private static delegate* unmanaged<MSlot*, void> s_resume;
    private static delegate* unmanaged<int> s_readCodeMaps;
    private static delegate* unmanaged[SuppressGCTransition]<nuint, nuint, nuint> s_returnAddress;
    private static bool s_enabled;
    private static bool s_debugged;
    private static long s_nextLook;
    private static long s_nextMaps;

    /// <summary>Whether signals may be sent. Changes to false for good when there is no signal that is not somebody else's.</summary>
    internal static bool Enabled => Volatile.Read(ref s_enabled);

    /// <summary>Why goroutines are stopped at checks only; null while signals are used.</summary>
    internal static string? Reason { get; private set; } = "the scheduler has not started";

    /// <summary>Loads the helper and installs its handler, once.</summary>
    /// <param name="sysmon">The note that a stopped thread wakes.</param>
    internal static void Start(Note sysmon)
    {
        Reason = TryStart(sysmon);
        Volatile.Write(ref s_enabled, Reason == null);
        if (Reason != null)
        {
            HostLog.Write($"goroutines are stopped at checks only: {Reason}");
        }
    }

    private static string? TryStart(Note sysmon)
    {
        if (!Settings.AsyncPreempt)
        {
            return "ILPREEMPT_ASYNCPREEMPT=0";
        }

        if (!ThreadMode.Known)
        {
            return "this CoreCLR does not tell which of its threads run managed code";
        }

        if (NativeHelper.TryLoad() is string missing)
        {
            return missing;
        }

        s_register = (delegate* unmanaged<MSlot*, void>)NativeHelper.Export("ilp_register");
        s_unregister = (delegate* unmanaged<MSlot*, void>)NativeHelper.Export("ilp_unregister");
        s_preempt = (delegate* unmanaged<MSlot*, int>)NativeHelper.Export("ilp_preempt");
        s_resume = (delegate* unmanaged<MSlot*, void>)NativeHelper.Export("ilp_resume");
        s_readCodeMaps = (delegate* unmanaged<int>)NativeHelper.Export("ilp_read_code_maps");
        s_returnAddress = (delegate* unmanaged[SuppressGCTransition]<nuint, nuint, nuint>)NativeHelper.Export("ilp_return_address");

        // With W^X, CoreCLR's default, jitted code is in a memory file that has a name; without it in nameless memory.
        bool anonymous = Environment.GetEnvironmentVariable("DOTNET_EnableWriteXorExecute") == "0";
        s_install = (delegate* unmanaged<int, int*, int, int>)NativeHelper.Export("ilp_install");
        int error = s_install(Settings.PreemptSignal, sysmon.Word, anonymous ? 1 : 0);
        return error == 0 ? StartStorm() : $"signal {Settings.PreemptSignal} cannot be used: error {-error}";
    }

    private static string? StartStorm()
    {
        if (Settings.StormHz == 0)
        {
            return null;
        }

        var storm = (delegate* unmanaged<RowList*, long, int, int>)NativeHelper.Export("ilp_storm");
        int error = storm(&Table.Header->Ms, 1_000_000_000L / Settings.StormHz, Settings.MaxStopped);
        return error == 0 ? null : $"the storm cannot begin: error {error}";
    }

    /// <summary>Somebody else handles our signal now, and shall not get what is not meant for him.</summary>
    private static void ChangeSignal()
    {
        bool anonymous = Environment.GetEnvironmentVariable("DOTNET_EnableWriteXorExecute") == "0";
        foreach (int signal in s_spareSignals)
        {
            if (s_install(signal, SysMon.Note.Word, anonymous ? 1 : 0) == 0)
            {
                HostLog.Write($"the program handles signal {Settings.PreemptSignal} itself; goroutines are stopped by signal {signal}");
                Settings.PreemptSignal = signal;
                return;
            }
        }

        Reason = $"the program handles signal {Settings.PreemptSignal} and the spare ones itself (ILPREEMPT_SIGNAL chooses another)";
        Volatile.Write(ref s_enabled, false);
        HostLog.Write($"goroutines are stopped at checks only: {Reason}");
    }

    /// <summary>The calling thread becomes <paramref name="slot"/>'s.</summary>
    internal static void Register(MSlot* slot)
    {
        if (s_register != null)
        {
            s_register(slot);
        }
    }

    /// <summary>The calling thread stops being an M. No signal reaches it after that.</summary>
    internal static void Unregister(MSlot* slot)
    {
        if (s_unregister != null)
        {
            s_unregister(slot);
        }
    }

    /// <summary>Sends the signal unless one is in flight (Go: preemptM). sysmon only. True: sent now.</summary>
    internal static bool Send(MSlot* slot)
    {
        int sent = s_preempt(slot);
        if (sent == -2)
        {
            ChangeSignal();
        }

        return sent == 1;
    }

    /// <summary>Wakes the thread in its handler, if it is still there.</summary>
    internal static void Resume(MSlot* slot) => s_resume(slot);

    /// <summary>Where the caller that has a local at <paramref name="local"/> will return to; 0 if unknown. A stack walk of .NET's takes locks and allocates.</summary>
    internal static nuint ReturnAddress(MSlot* slot, nuint local) => s_returnAddress != null ? s_returnAddress(local, slot->StackHigh) : 0;

    /// <summary>Whether sysmon may send signals in this round; looks for a debugger now and then.</summary>
    internal static bool MaySend(long now)
    {
        if (!Enabled)
        {
            return false;
        }

        if (now >= s_nextLook)
        {
            s_nextLook = now + LookAgainNs;
            s_debugged = Debugger.IsAttached;
        }

        return !s_debugged;
    }

    /// <summary>A thread was interrupted in code that the map does not know: it may have been compiled since the map was read.</summary>
    internal static void ReadCodeMaps(long now)
    {
        if (now >= s_nextMaps)
        {
            s_nextMaps = now + ReadAgainNs;
            s_readCodeMaps();
        }
    }
}
