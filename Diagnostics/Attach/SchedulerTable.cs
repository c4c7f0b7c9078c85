using System.Runtime.InteropServices;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>A row of the goroutines' table: GRow of ILPreempt.Runtime's Diagnostics/Table.cs.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal struct GoroutineRow
{
    public long Id, ParentId;
    public int Status, WaitReason;
    public long WaitSince, CreatedAt;
    public int M, Tid, LockDepth, IsForeign;
    public long PreemptedByCheck, PreemptedBySignal, Turns, CpuBase, CreatedBy, WaitUntil;
}

/// <summary>A row of the processors' table: PRow.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct ProcessorRow
{
    public long State;
    public int Id;
    public uint SchedTick, SyscallTick;
    public int IsUsed;
    public long SliceStart;

    public readonly int Status => (int)(State & 0xFF);

    public readonly int Owner => (int)(State >> 8);
}

/// <summary>
/// The scheduler's table in the memory of the process that is read. It is being written to while it is read live, and may be
/// corrupt in a core: every walk is bounded.
/// </summary>
internal sealed class SchedulerTable
{
    private const ulong Magic = 0x0000504D47504C49;
    private const int Version = 1;
    private const int MaxRows = 4_000_000;
    private const int ChunkHead = 64;

    private readonly IDataReader _memory;

    private SchedulerTable(IDataReader memory, ulong header)
    {
        _memory = memory;
        const int Rows = 24, RowListSize = 16;
        Goroutines = ReadAll<GoroutineRow>(header + Rows).Where(g => g.Id != 0 && g.Status != DeadGoroutine).ToList();
        Slots = [.. Addresses(header + Rows + RowListSize).Where(slot => memory.Read(slot, out int tid) && tid != 0)];
        Processors = ReadAll<ProcessorRow>(header + Rows + (2 * RowListSize)).Where(p => p.IsUsed != 0 && p.Status != DeadProcessor).ToList();
        Now = Math.Max(Goroutines.Select(g => Math.Max(g.WaitSince, g.CreatedAt)).DefaultIfEmpty().Max(), Processors.Select(p => p.SliceStart).DefaultIfEmpty().Max());
    }

    private const int DeadGoroutine = 6;
    private const int DeadProcessor = 5;

    /// <summary>Those that have not ended.</summary>
    public List<GoroutineRow> Goroutines { get; }

    /// <summary>Where the slots of threads are.</summary>
    public List<ulong> Slots { get; }

    /// <summary>Those in use.</summary>
    public List<ProcessorRow> Processors { get; }

    /// <summary>The latest moment that the table tells of, on the process's monotonic clock.</summary>
    public long Now { get; private set; }

    /// <summary>The process is alive: it is later now, if <paramref name="now"/> is of the same clock (containers may have their own).</summary>
    public void SetNow(long now) => Now = Math.Max(Now, now);

    /// <summary>The table at <paramref name="header"/>; null and why if there is none that this tool knows.</summary>
    public static SchedulerTable? Read(IDataReader memory, ulong header, out string? problem)
    {
        problem = null;
        if (!memory.Read(header, out ulong magic) || magic != Magic)
        {
            problem = "the scheduler's table was not found in memory";
            return null;
        }

        int version = memory.Read<int>(header + sizeof(ulong));
        if (version != Version)
        {
            problem = $"the process runs another version of ILPreempt (table {version}, this tool reads {Version}): use that version's tool";
            return null;
        }

        return new SchedulerTable(memory, header);
    }

    private List<T> ReadAll<T>(ulong list)
        where T : unmanaged
    {
        List<T> rows = [];
        foreach (ulong row in Addresses(list))
        {
            if (_memory.Read(row, out T value))
            {
                rows.Add(value);
            }
        }

        return rows;
    }

    private List<ulong> Addresses(ulong list)
    {
        List<ulong> rows = [];
        ulong chunk = _memory.ReadPointer(list);
        int size = _memory.Read<int>(list + 8), count = _memory.Read<int>(list + 12);
        while (chunk != 0 && size > 0 && count > 0 && rows.Count + count <= MaxRows)
        {
            for (int i = 0; i < count; i++)
            {
                rows.Add(chunk + ChunkHead + (ulong)((long)i * size));
            }

            chunk = _memory.ReadPointer(chunk);
        }

        return rows;
    }
}
