using System.Runtime.InteropServices;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Diagnostics;

/// <summary>The part of UnmanagedRows that others read: struct ilp_rows of native/slot.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RowList
{
    internal RowChunk* First;
    internal int RowSize;
    internal int RowsPerChunk;
}

/// <summary>The head of a block of rows, a cache line long; the rows follow.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal unsafe struct RowChunk
{
    internal RowChunk* Next;
}

/// <summary>
/// Rows of one kind in memory that does not move and is never given back, only used again: whoever holds an old pointer (a signal
/// handler, a tool that reads the process) finds some row there, never another thing. Chunks are linked at the head; a chunk is
/// complete before it is linked. A free row is all zeros but for its last word, the link to the next free one.
/// </summary>
internal sealed unsafe class UnmanagedRows(RowList* list, int rowSize, int rowsPerChunk)
{
    private readonly RuntimeLock _lock = new("rows");
    private byte* _free;

    /// <summary>A row full of zeros.</summary>
    internal void* Rent()
    {
        _lock.Lock();
        if (_free == null)
        {
            AddChunk();
        }

        byte* row = _free;
        _free = Link(row);
        Link(row) = null;
        _lock.Unlock();
        return row;
    }

    /// <summary>Gives a row back. Nobody may write to it after that.</summary>
    internal void Return(void* row)
    {
        NativeMemory.Clear(row, (nuint)rowSize);
        _lock.Lock();
        Link((byte*)row) = _free;
        _free = (byte*)row;
        _lock.Unlock();
    }

    private ref byte* Link(byte* row) => ref *(byte**)(row + rowSize - sizeof(nint));

    private void AddChunk()
    {
        nuint size = (nuint)(sizeof(RowChunk) + (rowSize * rowsPerChunk));
        RowChunk* chunk = (RowChunk*)NativeMemory.AlignedAlloc(size, 64);
        NativeMemory.Clear(chunk, size);
        byte* rows = (byte*)(chunk + 1);
        for (int i = rowsPerChunk - 1; i >= 0; i--)
        {
            byte* row = rows + (i * rowSize);
            Link(row) = _free;
            _free = row;
        }

        list->RowSize = rowSize;
        list->RowsPerChunk = rowsPerChunk;
        chunk->Next = list->First;
        Volatile.Write(ref *(nint*)&list->First, (nint)chunk);
    }
}
