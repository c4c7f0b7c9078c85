using System.Diagnostics;
using System.Globalization;
using ILPreempt.Diagnostics.Symbols;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>How a process is read.</summary>
public enum ReadWay
{
    /// <summary>By its socket if it has one, else by attaching.</summary>
    Auto,

    /// <summary>Through its own socket: no ptrace, and it stands still for some milliseconds only.</summary>
    Socket,

    /// <summary>With ptrace: it stands still until all is read.</summary>
    Attach,
}

/// <summary>
/// Reads a process's goroutines and stacks: the scheduler's table gives goroutines, threads and processors, the debugging library the
/// managed stacks, the pdbs the lines. The three ways (a snapshot through the socket, ptrace, a core file) differ only in who
/// answers a read of memory and a question for registers.
/// </summary>
public static class ProcessReader
{
    private static readonly string[] s_states = ["Idle", "Runnable", "Running", "Syscall", "Waiting", "", "Dead", "", "", "Preempted"];

    // In the order of WaitReason.
    private static readonly string[] s_reasons =
        ["", "sleep", "chan receive", "chan send", "select", "sync.Mutex.Lock", "semacquire", "IO wait", "syscall", "preempted", "monitor enter", "task wait", "stopping the world", "sync.Cond.Wait"];

    /// <summary>Reads a live process.</summary>
    /// <param name="processId">Which; not the calling one.</param>
    /// <param name="way">How.</param>
    /// <param name="all">With the frames of the scheduler itself.</param>
    /// <exception cref="AttachException">There is no such process, it can't be read, or it runs no .NET.</exception>
    public static ProcessSnapshot Read(int processId, ReadWay way = ReadWay.Auto, bool all = false) =>
        Open(processId, way, (memory, how, notes) => Read(memory, processId, how, isLive: true, all, notes));

    /// <summary>What is at code addresses of a live process, for those of managed code outside the scheduler.</summary>
    /// <param name="processId">Which.</param>
    /// <param name="addresses">Where code was interrupted or will return to.</param>
    /// <param name="isReturnAddress">Whether the address at that position is one that a call returns to.</param>
    /// <exception cref="AttachException">There is no such process, it can't be read, or it runs no .NET.</exception>
    public static IReadOnlyList<FrameSnapshot?> Describe(int processId, IReadOnlyList<ulong> addresses, Func<int, bool> isReturnAddress) =>
        Open(processId, ReadWay.Auto, (memory, _, _) =>
        {
            SavedRegisters reader = new(memory);
            using DataTarget target = new(reader, new DataTargetOptions());
            using ClrRuntime runtime = CreateRuntime(target, processId);
            using SourceLines lines = new();
            StackReader code = new(runtime, reader, lines, all: false);
            return addresses.Select((address, i) => code.Describe(address, isReturnAddress(i))).ToList();
        });

    private static T Open<T>(int processId, ReadWay way, Func<IDataReader, string, List<string>, T> read)
    {
        List<string> notes = [];
        if (way == ReadWay.Socket || (way == ReadWay.Auto && DoorClient.PathOf(processId) != null))
        {
            try
            {
                using SnapshotReader snapshot = SnapshotReader.Open(processId);
                return Guard(processId, () => read(snapshot, string.Create(CultureInfo.InvariantCulture, $"socket; the process stood still for {snapshot.Paused.TotalMilliseconds:F1} ms"), notes));
            }
            catch (AttachException e) when (way == ReadWay.Auto)
            {
                notes.Add($"{e.Message}; attached instead");
            }
        }

        return Guard(processId, () =>
        {
            if (AttachedCopy.IsSupported)
            {
                using AttachedCopy copy = AttachedCopy.Open(processId);
                string paused = copy.Paused is TimeSpan p ? string.Create(CultureInfo.InvariantCulture, $"; the process stood still for {p.TotalMilliseconds:F1} ms") : "";
                return read(copy, $"attach{paused}", notes);
            }

            using DataTarget attached = DataTarget.AttachToProcess(processId, suspend: true);
            return read(attached.DataReader, "attach", notes);
        });
    }

    /// <summary>Writes a core file of a hosted process from a snapshot: it stands still for some milliseconds only.</summary>
    /// <exception cref="AttachException">It has no socket, or ended meanwhile.</exception>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void WriteCore(int processId, string path)
    {
        using SnapshotReader snapshot = SnapshotReader.Open(processId);
        try
        {
            using FileStream file = new(path, FileMode.Create);
            CoreWriter.Write(snapshot, Prepare(snapshot, processId), file);
        }
        catch (Exception e) when (e is System.Net.Sockets.SocketException or EndOfStreamException)
        {
            File.Delete(path);
            throw new AttachException($"process {processId} ended while it was read", e);
        }
    }

    private static SavedRegisters Prepare(SnapshotReader snapshot, int processId)
    {
        SavedRegisters registers = new(snapshot);
        using DataTarget target = new(registers, new DataTargetOptions());
        using ClrRuntime runtime = CreateRuntime(target, processId);
        foreach (ulong slot in FindTable(runtime, registers, [])?.Slots ?? [])
        {
            registers.Note(slot, out _);
        }

        return registers;
    }

    /// <summary>Reads a core file.</summary>
    /// <param name="path">The file: a full or a heap dump, of this machine's architecture.</param>
    /// <param name="all">With the frames of the scheduler itself.</param>
    /// <exception cref="AttachException">It is no core file, is cut off, or holds no .NET.</exception>
    public static ProcessSnapshot ReadCore(string path, bool all = false)
    {
        if (!File.Exists(path))
        {
            throw new AttachException($"there is no file {path}");
        }

        try
        {
            using DataTarget core = DataTarget.LoadDump(path);
            return Read(core.DataReader, core.DataReader.ProcessId, "core", isLive: false, all, []);
        }
        catch (Exception e) when (e is not AttachException and not OutOfMemoryException)
        {
            throw new AttachException($"{path} cannot be read as a core file: {OneLine(e)}", e);
        }
    }

    // The debugging library throws what it likes when the process dies meanwhile or its memory makes no sense.
    private static T Guard<T>(int processId, Func<T> read)
    {
        if (!Directory.Exists($"/proc/{processId}") && OperatingSystem.IsLinux())
        {
            throw new AttachException($"there is no process {processId}");
        }

        try
        {
            return read();
        }
        catch (Exception e) when (e is not AttachException and not OutOfMemoryException)
        {
            throw Directory.Exists($"/proc/{processId}") || !OperatingSystem.IsLinux()
                ? new AttachException($"cannot read process {processId}: {OneLine(e)}; it must be yours and ptrace must be allowed", e)
                : new AttachException($"process {processId} ended while it was read", e);
        }
    }

    private static string OneLine(Exception e) => e.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');

    private static ProcessSnapshot Read(IDataReader memory, int processId, string way, bool isLive, bool all, List<string> notes)
    {
        SavedRegisters reader = new(memory);
        using DataTarget target = new(reader, new DataTargetOptions());
        using ClrRuntime runtime = CreateRuntime(target, processId);
        using SourceLines lines = new();
        SchedulerTable? table = FindTable(runtime, reader, notes);
        SocketAddresses sockets = new(isLive ? processId : 0);
        if (isLive)
        {
            table?.SetNow(Stopwatch.GetTimestamp());
        }

        HashSet<uint> parked = [];
        foreach (ulong slot in table?.Slots ?? [])
        {
            if (reader.Note(slot, out uint tid))
            {
                parked.Add(tid);
            }
        }

        StackReader stacks = new(runtime, reader, lines, all);
        Dictionary<uint, GoroutineRow> carriers = [];
        foreach (GoroutineRow row in table?.Goroutines ?? [])
        {
            if (row.Tid != 0)
            {
                carriers[(uint)row.Tid] = row;
            }
        }

        List<GoroutineSnapshot> goroutines = [];
        int lookups = 0;
        foreach (GoroutineRow row in (table?.Goroutines ?? []).OrderBy(g => g.Id))
        {
            stacks.Threads.TryGetValue((uint)row.Tid, out ClrThread? thread);
            List<FrameSnapshot> stack = thread == null ? [] : stacks.Frames(thread);
            bool waits = State(row) is "Waiting" or "Syscall";
            WaitTarget? waitsFor = waits && thread != null && lookups < WaitTargets.MaxLookups
                ? stacks.WaitsFor(thread, stack, tid => carriers.TryGetValue(tid, out GoroutineRow owner) ? owner.Id : 0, sockets, ref lookups)
                : null;
            goroutines.Add(Goroutine(row, table!, isLive ? Cpu(processId, row) : null, parked.Contains((uint)row.Tid), waitsFor ?? Timer(row, table!), stack) with
            {
                CreatedBy = row.CreatedBy == 0 ? null : stacks.Describe((ulong)row.CreatedBy, isReturnAddress: true),
                ThreadStart = row.IsForeign != 0 && row.Id != 1 ? ThreadStart(stack) : null,
            });
        }

        List<ThreadSnapshot> others = [.. stacks.Threads.Values
            .Where(t => !carriers.ContainsKey(t.OSThreadId))
            .Select(t => new ThreadSnapshot(t.OSThreadId, t.ManagedThreadId, stacks.Frames(t)))];
        notes.AddRange(stacks.Problems);
        return new ProcessSnapshot(processId, way, table != null, goroutines, others, notes);
    }

    private static GoroutineSnapshot Goroutine(
        GoroutineRow row, SchedulerTable table, TimeSpan? cpu, bool isParked, WaitTarget? waitsFor, IReadOnlyList<FrameSnapshot> frames)
    {
        string state = State(row);
        bool waits = state is "Waiting" or "Syscall";
        ProcessorRow? p = row.Tid == 0 ? null : table.Processors.Cast<ProcessorRow?>().FirstOrDefault(p => p!.Value.Owner == row.M && p.Value.Status is 1 or 2 or 3);
        return new GoroutineSnapshot(
            row.Id,
            row.ParentId,
            state,
            waits ? Reason(row, frames) : "",
            waits && row.WaitSince != 0 ? TimeSpan.FromMicroseconds(Math.Max(0, table.Now - row.WaitSince) / 1000.0) : TimeSpan.Zero,
            row.LockDepth > 0,
            isParked,
            row.PreemptedByCheck,
            row.PreemptedBySignal,
            row.Turns,
            cpu,
            (uint)row.Tid,
            row.Tid == 0 ? -1 : row.M,
            state == "Running" && p != null ? p.Value.Id : -1,
            waitsFor,
            frames);
    }

    private static WaitTarget? Timer(GoroutineRow row, SchedulerTable table) =>
        State(row) == "Waiting" && Reason(row, []) == "sleep" && row.WaitUntil > row.WaitSince
            ? new WaitTarget("timer", 0, 0, 0) { Kind = "timer", Due = TimeSpan.FromMicroseconds(Math.Max(0, row.WaitUntil - table.Now) / 1000.0) }
            : null;

    // What a thread that became a goroutine had been started with: nobody noted who started it.
    private static string? ThreadStart(List<FrameSnapshot> stack) =>
        stack.LastOrDefault(f => !f.Method.StartsWith("System.Threading.Thread.StartCallback(", StringComparison.Ordinal) && !f.Method.StartsWith("System.Threading.Thread+StartHelper.", StringComparison.Ordinal))?.Method;

    // A call that nobody announced is only known to be in native code; its stack knows more.
    private static string Reason(GoroutineRow row, IReadOnlyList<FrameSnapshot> frames)
    {
        string reason = (uint)row.WaitReason < s_reasons.Length ? s_reasons[row.WaitReason] : "";
        return reason == "syscall" ? WaitTargets.Reason(frames) ?? reason : reason;
    }

    private static string State(GoroutineRow row) => (uint)row.Status < s_states.Length ? s_states[row.Status] : "";

    private static TimeSpan? Cpu(int process, GoroutineRow row) =>
        row.Tid == 0 ? null : TimeSpan.FromMicroseconds(Math.Max(0, ThreadCpu(process, row.Tid) - row.CpuBase) / 1000.0);

    /// <summary>CPU time of a live thread in nanoseconds, from the kernel; 0 if the thread has ended.</summary>
    public static long ThreadCpu(int process, int thread)
    {
        try
        {
            return long.Parse(File.ReadAllText($"/proc/{process}/task/{thread}/schedstat").Split(' ')[0], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return 0;
        }
    }

    internal static ClrRuntime CreateRuntime(DataTarget target, int processId)
    {
        ClrInfo clr = target.ClrVersions.FirstOrDefault()
            ?? throw new AttachException($"process {processId} runs no .NET runtime that this tool can read");

        // ClrMD does not find the debugging library of a Linux runtime by itself; it lies beside libcoreclr. The file may be in
        // another mount namespace.
        string folder = Path.GetDirectoryName(clr.ModuleInfo.FileName) ?? "";
        string dac = Path.Combine(folder, "libmscordaccore.so");
        dac = File.Exists(dac) ? dac : $"/proc/{processId}/root{dac}";
        return File.Exists(dac) ? clr.CreateRuntime(dac, ignoreMismatch: true) : clr.CreateRuntime();
    }

    // The native helper has a symbol for it. The static field is there without the helper, but not while the runtime is in the middle of
    // its own tables.
    private static ulong TableBySymbol(SavedRegisters memory)
    {
        ModuleInfo? helper = memory.EnumerateModules().FirstOrDefault(m => Path.GetFileName(m.FileName) == "libilpreempt.so");
        ulong symbol = helper?.GetExportSymbolAddress("ilp_table") ?? 0;
        return symbol == 0 ? 0 : memory.ReadPointer(symbol);
    }

    private static SchedulerTable? FindTable(ClrRuntime runtime, SavedRegisters memory, List<string> notes)
    {
        ClrModule? module = runtime.EnumerateModules().FirstOrDefault(StackReader.IsScheduler);
        if (module == null)
        {
            return null;
        }

        ulong header = TableBySymbol(memory);
        if (header == 0 && module.GetTypeByName("ILPreempt.Runtime.Diagnostics.Table")?.GetStaticFieldByName("Header") is ClrStaticField field)
        {
            header = field.Read<ulong>(runtime.AppDomains[0]);
        }

        if (header == 0)
        {
            notes.Add("ILPreempt.Runtime is loaded, but its table was not found");
            return null;
        }

        SchedulerTable? table = SchedulerTable.Read(memory, header, out string? problem);
        if (problem != null)
        {
            notes.Add(problem);
        }

        return table;
    }
}
