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
    /// <summary>Bound against a corrupt stack, far above what is useful to print.</summary>
    private const int MaxFrames = 200;

    private static readonly string[] s_states = ["Idle", "Runnable", "Running", "Syscall", "Waiting", "", "Dead", "", "", "Preempted"];

    // In the order of WaitReason.
    private static readonly string[] s_reasons =
        ["", "sleep", "chan receive", "chan send", "select", "sync.Mutex.Lock", "semacquire", "IO wait", "syscall", "preempted", "monitor enter", "task wait", "stopping the world", "sync.Cond.Wait"];

    /// <summary>Reads a live process.</summary>
    /// <param name="processId">Which; not the calling one.</param>
    /// <param name="way">How.</param>
    /// <param name="all">With the frames of the scheduler itself.</param>
    /// <exception cref="AttachException">There is no such process, it can't be read, or it runs no .NET.</exception>
    public static ProcessSnapshot Read(int processId, ReadWay way = ReadWay.Auto, bool all = false)
    {
        List<string> notes = [];
        if (way == ReadWay.Socket || (way == ReadWay.Auto && DoorClient.PathOf(processId) != null))
        {
            try
            {
                using SnapshotReader snapshot = SnapshotReader.Open(processId);
                return Guard(processId, () => Read(snapshot, processId, string.Create(CultureInfo.InvariantCulture, $"socket; the process stood still for {snapshot.Paused.TotalMilliseconds:F1} ms"), isLive: true, all, notes));
            }
            catch (AttachException e) when (way == ReadWay.Auto)
            {
                notes.Add($"{e.Message}; attached instead");
            }
        }

        return Guard(processId, () =>
        {
            using DataTarget attached = DataTarget.AttachToProcess(processId, suspend: true);
            return Read(attached.DataReader, processId, "attach", isLive: true, all, notes);
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
    private static ProcessSnapshot Guard(int processId, Func<ProcessSnapshot> read)
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
                ? stacks.WaitsFor(thread, stack, tid => carriers.TryGetValue(tid, out GoroutineRow owner) ? owner.Id : 0, ref lookups)
                : null;
            goroutines.Add(Goroutine(row, table!, isLive ? Cpu(processId, row) : null, parked.Contains((uint)row.Tid), waitsFor, stack));
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

    // A call that nobody announced is only known to be in native code; its stack knows more.
    private static string Reason(GoroutineRow row, IReadOnlyList<FrameSnapshot> frames)
    {
        string reason = (uint)row.WaitReason < s_reasons.Length ? s_reasons[row.WaitReason] : "";
        return reason == "syscall" && frames.Take(4).Any(f => f.Method.StartsWith("System.Net.Sockets.", StringComparison.Ordinal)) ? "IO wait" : reason;
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

    private static SchedulerTable? FindTable(ClrRuntime runtime, SavedRegisters memory, List<string> notes)
    {
        ClrModule? module = runtime.EnumerateModules().FirstOrDefault(StackReader.IsScheduler);
        if (module == null)
        {
            return null;
        }

        if (module.GetTypeByName("ILPreempt.Runtime.Diagnostics.Table")?.GetStaticFieldByName("Header") is not ClrStaticField field)
        {
            notes.Add("ILPreempt.Runtime is loaded, but its table was not found");
            return null;
        }

        SchedulerTable? table = SchedulerTable.Read(memory, field.Read<ulong>(runtime.AppDomains[0]), out string? problem);
        if (problem != null)
        {
            notes.Add(problem);
        }

        return table;
    }

    /// <summary>Stacks of the threads of one runtime.</summary>
    private sealed class StackReader
    {
        private readonly ClrRuntime _runtime;
        private readonly SavedRegisters _memory;
        private readonly SourceLines _lines;
        private readonly bool _all;
        private int _failed;

        public StackReader(ClrRuntime runtime, SavedRegisters memory, SourceLines lines, bool all)
        {
            _runtime = runtime;
            _memory = memory;
            _lines = lines;
            _all = all;
            foreach (ClrThread thread in runtime.Threads.Where(t => t.IsAlive))
            {
                Threads[thread.OSThreadId] = thread;
            }
        }

        public Dictionary<uint, ClrThread> Threads { get; } = [];

        public IEnumerable<string> Problems => _failed == 0 ? [] : [$"{_failed} stacks could not be read to their end: their threads were running"];

        public static bool IsScheduler(ClrModule? module) => Path.GetFileName(module?.Name) == "ILPreempt.Runtime.dll";

        public List<FrameSnapshot> Frames(ClrThread thread)
        {
            List<FrameSnapshot> frames = [];
            try
            {
                bool innermost = true;
                foreach (ClrStackFrame frame in thread.EnumerateStackTrace(includeContext: false).Take(MaxFrames))
                {
                    Add(frames, frame.Method, frame.InstructionPointer, innermost);
                    innermost = false;
                }

                if (frames.Count == 0)
                {
                    WalkFramePointers(thread.OSThreadId, frames);
                }
            }
            catch (Exception e) when (e is not OutOfMemoryException and not IOException and not System.Net.Sockets.SocketException)
            {
                _failed++;
            }

            return frames;
        }

        // The debugging library gives up on a thread that was in a helper of the runtime (allocating, say). Jitted code and the
        // runtime both keep a chain of frame pointers; whatever in it is no managed code is passed over.
        private void WalkFramePointers(uint thread, List<FrameSnapshot> frames)
        {
            if (!_memory.TryGetFrame(thread, out ulong instruction, out ulong frame))
            {
                return;
            }

            for (int i = 0; i < MaxFrames; i++)
            {
                Add(frames, _runtime.GetMethodByInstructionPointer(instruction), instruction, i == 0);
                if (!_memory.ReadPointer(frame + sizeof(ulong), out instruction) || !_memory.ReadPointer(frame, out ulong above) || above <= frame)
                {
                    return;
                }

                frame = above;
            }
        }

        private void Add(List<FrameSnapshot> frames, ClrMethod? method, ulong instruction, bool innermost)
        {
            if (method?.Type is ClrType type && (_all || !IsScheduler(type.Module)))
            {
                (string File, int Line)? source = _lines.Find(method, instruction, !innermost);
                frames.Add(new FrameSnapshot(method.Signature ?? $"{type.Name}.{method.Name}", source?.File, source?.Line ?? 0));
            }
        }

        public WaitTarget? WaitsFor(ClrThread thread, IReadOnlyList<FrameSnapshot> frames, Func<uint, long> goroutineOf, ref int lookups)
        {
            try
            {
                lookups++;
                return WaitTargets.Find(thread, frames, goroutineOf);
            }
            catch (Exception e) when (e is not OutOfMemoryException and not IOException and not System.Net.Sockets.SocketException)
            {
                return null;
            }
        }
    }
}
