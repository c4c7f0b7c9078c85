using System.Runtime.InteropServices;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Diagnostics;

/// <summary>A goroutine as tools see it. The scheduler keeps what it knows of a goroutine here and nowhere else.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal struct GRow
{
    /// <summary>0 in a row that is not in use.</summary>
    internal long Id;
    internal long ParentId;

    /// <summary>A GStatus.</summary>
    internal int Status;

    /// <summary>A WaitReason.</summary>
    internal int WaitReason;

    /// <summary>On Clock: when it began to wait, and when it was made.</summary>
    internal long WaitSince;
    internal long CreatedAt;

    /// <summary>The M whose thread holds its frames, and that thread; 0 before it starts (M ids start at 0: the thread tells).</summary>
    internal int MId;
    internal int Tid;

    internal int LockDepth;
    internal int IsForeign;

    /// <summary>How often it was stopped at a check, and by a signal, and how many turns it had.</summary>
    internal long PreemptedByCheck;
    internal long PreemptedBySignal;
    internal long Turns;

    /// <summary>What its thread had used when it started, in ns: the thread's own clock minus this is its CPU time.</summary>
    internal long CpuBase;

    /// <summary>The return address of the call that started it; 0 if a thread became a goroutine.</summary>
    internal long CreatedBy;

    /// <summary>On Clock: when a sleeping one is due. Left as it was when it wakes.</summary>
    internal long WaitUntil;
}

/// <summary>A processor as tools see it. The first word is the state word (P.cs).</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct PRow
{
    internal long State;
    internal int Id;
    internal uint SchedTick;
    internal uint SyscallTick;

    /// <summary>0 in a row that is not in use.</summary>
    internal int IsUsed;
    internal long SliceStart;
}

/// <summary>The table's head: struct ilp_table of native/slot.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TableHeader
{
    internal ulong Magic;
    internal int Version;
    internal int Size;
    internal long StartedAt;
    internal RowList Gs;
    internal RowList Ms;
    internal RowList Ps;
}

/// <summary>
/// All goroutines, threads and processors in unmanaged memory, for tools: readable in a live process, in a stopped one and in a
/// core, without help from the runtime. It costs nothing to keep true because it is not a copy: the scheduler's
/// own fields live here. Tools find it by the static field below, and by the symbol ilp_table of the native helper.
/// </summary>
internal static unsafe class Table
{
    /// <summary>"ILPGMP" and two zeros.</summary>
    internal const ulong Magic = 0x0000504D47504C49;
    internal const int Version = 1;

    /// <summary>Read by name by ILPreempt.Diagnostics.</summary>
    internal static readonly TableHeader* Header = NewHeader();

    internal static readonly UnmanagedRows Gs = new(&Header->Gs, sizeof(GRow), 256);
    internal static readonly UnmanagedRows Ms = new(&Header->Ms, (sizeof(MSlot) + 63) & ~63, 32);
    internal static readonly UnmanagedRows Ps = new(&Header->Ps, sizeof(PRow), 16);

    private static TableHeader* NewHeader()
    {
        TableHeader* header = (TableHeader*)NativeMemory.AlignedAlloc((nuint)sizeof(TableHeader), 64);
        *header = new TableHeader { Magic = Magic, Version = Version, Size = sizeof(TableHeader), StartedAt = Clock.Now() };
        return header;
    }
}
