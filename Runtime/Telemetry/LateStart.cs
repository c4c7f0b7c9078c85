using System.Reflection;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// Makes what tools can subscribe to, once the program has been running for half a second: a short one never pays for it. The
/// EventSource is in CoreLib. Meters are in another assembly, which most programs do not load and which an unmodified program would see among
/// its assemblies: the meter is made when somebody loads that assembly (the program, or .NET itself when dotnet-counters connects),
/// and nobody can listen to a meter before.
/// On a short-lived thread: listeners of the program are called, which neither sysmon nor a loading thread may wait for.
/// </summary>
internal static class LateStart
{
    private const long DelayNs = 500_000_000;
    private const string Meters = "System.Diagnostics.DiagnosticSource";

    private static long s_due;
    private static int s_metersMade;

    /// <summary>Whether the program has not switched events off.</summary>
    internal static bool EventsAreSupported => !AppContext.TryGetSwitch("System.Diagnostics.Tracing.EventSource.IsSupported", out bool on) || on;

    /// <summary>sysmon: returns when to call again.</summary>
    internal static long Round(long now)
    {
        if (s_due == long.MaxValue)
        {
            return RuntimeMeter.Round(now);
        }

        if (s_due == 0)
        {
            s_due = EventsAreSupported ? now + DelayNs : long.MaxValue;
        }

        if (now < s_due)
        {
            return s_due;
        }

        s_due = long.MaxValue;
        Run(Begin);
        return long.MaxValue;
    }

    /// <summary>Makes the EventSource, and the meter as soon as it can have listeners.</summary>
    internal static void Begin()
    {
        SchedulerEventSource.Create();
        AppDomain.CurrentDomain.AssemblyLoad += static (_, loaded) => Look(loaded.LoadedAssembly);
        foreach (Assembly assembly in AppDomain.CurrentDomain.GetAssemblies())
        {
            Look(assembly);
        }
    }

    private static void Look(Assembly assembly)
    {
        // Checked first: this runs for each assembly that the program loads.
        if (Volatile.Read(ref s_metersMade) == 0
            && assembly.GetName().Name == Meters
            && Interlocked.Exchange(ref s_metersMade, 1) == 0)
        {
            // Not here: the assembly is being loaded for somebody who is about to use it.
            Run(RuntimeMeter.Create);
        }
    }

    private static void Run(ThreadStart what)
    {
        try
        {
            new Thread(what, 256 * 1024) { IsBackground = true, Name = "ILPreempt telemetry" }.UnsafeStart();
        }
        catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
        {
            Loading.HostLog.Write($"no metrics and events: {e.Message}");
        }
    }
}
