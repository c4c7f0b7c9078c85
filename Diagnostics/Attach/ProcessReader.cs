using System.Diagnostics;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// Stops a live process with ptrace, reads its goroutines and stacks with ClrMD, and lets it go on. The scheduler's list of
/// goroutines is an ordinary linked list of objects, found through a static field; names that are read here are
/// ILPreempt.Runtime's internals (AllGs, G, M) and a test reads each.
/// The target may have been stopped in the middle of changing the list, so the walk is bounded and tolerates nulls.
/// </summary>
public static class ProcessReader
{
    private const string Scheduling = "ILPreempt.Runtime.Scheduling.";

    /// <summary>Bounds against a corrupt list or stack, far above what real programs have.</summary>
    private const int MaxGoroutines = 1_000_000;
    private const int MaxFrames = 200;

    private static readonly string[] s_states = ["Idle", "Runnable", "Running", "Syscall", "Waiting", "", "Dead", "", "", "Preempted"];

    /// <summary>Reads <paramref name="processId"/>. The process stands still for 0.1 to 0.3 s.</summary>
    /// <exception cref="AttachException">There is no such process, ptrace is refused, or it runs no .NET.</exception>
    public static ProcessSnapshot Read(int processId)
    {
        try
        {
            using DataTarget attached = DataTarget.AttachToProcess(processId, suspend: true);
            ParkedThreads reader = new(attached.DataReader);
            using DataTarget target = new(reader, new DataTargetOptions());
            using ClrRuntime runtime = CreateRuntime(target, processId);
            ClrType? allGs = FindType(runtime, Scheduling + "AllGs");
            Dictionary<int, ClrThread> threads = runtime.Threads.Where(t => t.IsAlive).ToDictionary(t => t.ManagedThreadId);
            HashSet<int> carriers = [];
            List<GoroutineSnapshot> goroutines = allGs == null ? [] : ReadGoroutines(runtime, allGs, threads, carriers, reader);
            List<ThreadSnapshot> others = [.. threads.Values
                .Where(t => !carriers.Contains(t.ManagedThreadId))
                .Select(t => new ThreadSnapshot(t.OSThreadId, t.ManagedThreadId, Frames(t)))];
            return new ProcessSnapshot(processId, allGs != null, [.. goroutines.OrderBy(g => g.Id)], others);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or ClrDiagnosticsException or IOException or UnauthorizedAccessException)
        {
            throw new AttachException($"cannot attach to process {processId}: {e.Message.TrimEnd('.')}; it must be yours and ptrace must be allowed", e);
        }
    }

    internal static ClrRuntime CreateRuntime(DataTarget target, int processId)
    {
        ClrInfo clr = target.ClrVersions.FirstOrDefault()
            ?? throw new AttachException($"process {processId} runs no .NET runtime");

        // ClrMD does not find the debugging library of a Linux runtime by itself; it lies beside libcoreclr.
        string dac = Path.Combine(Path.GetDirectoryName(clr.ModuleInfo.FileName) ?? "", "libmscordaccore.so");
        return File.Exists(dac) ? clr.CreateRuntime(dac, ignoreMismatch: true) : clr.CreateRuntime();
    }

    private static ClrType? FindType(ClrRuntime runtime, string name) => runtime.EnumerateModules()
        .FirstOrDefault(IsRuntime)?.GetTypeByName(name);

    private static bool IsRuntime(ClrModule? module) => Path.GetFileName(module?.Name) == "ILPreempt.Runtime.dll";

    private static List<GoroutineSnapshot> ReadGoroutines(
        ClrRuntime runtime, ClrType allGs, Dictionary<int, ClrThread> threads, HashSet<int> carriers, ParkedThreads parked)
    {
        List<GoroutineSnapshot> result = [];
        ClrAppDomain domain = runtime.AppDomains[0];
        ClrStaticField? first = allGs.GetStaticFieldByName("s_first");
        ClrObject g = first?.ReadObject(domain) ?? default;
        for (int i = 0; i < MaxGoroutines && g.IsValid && !g.IsNull; i++)
        {
            result.Add(ReadGoroutine(g, threads, carriers, parked));
            g = g.ReadObjectField("AllNext");
        }

        return result;
    }

    private static GoroutineSnapshot ReadGoroutine(ClrObject g, Dictionary<int, ClrThread> threads, HashSet<int> carriers, ParkedThreads parked)
    {
        int status = g.ReadField<int>("_status");
        string state = (uint)status < s_states.Length ? s_states[status] : "";
        string reason = ReasonText(g, "WaitReason");
        long since = g.ReadField<long>("WaitSince");
        bool waits = state is "Waiting" or "Syscall";
        ClrObject m = g.ReadObjectField("LockedM");
        ClrThread? thread = null;
        if (!m.IsNull)
        {
            int managedId = m.ReadField<int>("ManagedThreadId");
            threads.TryGetValue(managedId, out thread);
            carriers.Add(managedId);
            parked.Note(m.ReadField<ulong>("Slot"));
        }

        return new GoroutineSnapshot(
            g.ReadField<long>("Id"),
            g.ReadField<long>("ParentId"),
            state,
            waits ? reason : "",
            waits && since != 0 ? TimeSpan.FromMicroseconds(Math.Max(0, Stopwatch.GetTimestamp() - since) / 1000) : TimeSpan.Zero,
            g.ReadField<int>("LockDepth") > 0,
            g.ReadField<long>("Preemptions"),
            thread?.OSThreadId ?? 0,
            thread == null ? [] : Frames(thread));
    }

    private static string ReasonText(ClrObject g, string field)
    {
        int value = g.ReadField<int>(field);
        ClrType? type = g.Type?.GetFieldByName(field)?.Type;
        string? name = type is { IsEnum: true }
            ? type.AsEnum().EnumerateValues().FirstOrDefault(v => v.Value is int i && i == value).Name
            : null;
        return name switch
        {
            null or "None" => "",
            "ChanReceive" => "chan receive",
            "ChanSend" => "chan send",
            "SyncMutexLock" => "sync.Mutex.Lock",
            "IOWait" => "IO wait",
            "MonitorEnter" => "monitor enter",
            "TaskWait" => "task wait",
            "StoppingTheWorld" => "stopping the world",
            _ => name.ToLowerInvariant(),
        };
    }

    private static List<string> Frames(ClrThread thread)
    {
        List<string> frames = [];
        foreach (ClrStackFrame frame in thread.EnumerateStackTrace(includeContext: false).Take(MaxFrames))
        {
            if (frame.Method is not ClrMethod method || method.Type is not ClrType type || IsRuntime(type.Module))
            {
                continue;
            }

            frames.Add(method.Signature ?? $"{type.Name}.{method.Name}");
        }

        return frames;
    }
}
