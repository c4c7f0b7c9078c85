using System.Runtime.InteropServices;

namespace ILPreempt.Runtime.Telemetry;

/// <summary>
/// Events on their way from the dispatch path to the drain thread: a bounded ring in unmanaged memory, many writers, one reader
/// (after D. Vyukov). A writer takes a position by a CAS on head, stores the event, then releases the slot's sequence number; the reader
/// acquires that number, copies, then releases tail, which a writer acquires before it uses the slot again. A full ring drops
/// the event and counts it: nobody waits for the reader.
/// Who writes to which ring is only a matter of contention, so a ring per P needs no rule about who owns the P at that moment.
/// Rejected: a ring with a single writer (sysmon and threads without a P write too); overwriting the oldest (a writer that lost its CPU
/// for a lap would tear another's event).
/// </summary>
internal sealed unsafe class TraceRing
{
    /// <summary>Room for what a P can do between two rounds of the drain thread: 0.8 million events a second.</summary>
    internal const int Capacity = 16384;

    private readonly Header* _header = (Header*)NativeMemory.AlignedAlloc((nuint)sizeof(Header), 64);
    private readonly Slot* _slots = (Slot*)NativeMemory.AlignedAlloc((nuint)(sizeof(Slot) * Capacity), 64);

    // Head, tail and the count of losses are written by different threads.
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct Header
    {
        [FieldOffset(0)]
        public long Head;

        [FieldOffset(64)]
        public long Tail;

        [FieldOffset(128)]
        public long Lost;
    }

    private struct Slot
    {
        public long Sequence;
        public TraceEvent Event;
    }

    /// <summary>Never freed: a writer may be on its way here at any time.</summary>
    internal TraceRing()
    {
        *_header = default;
        NativeMemory.Clear(_slots, (nuint)(sizeof(Slot) * Capacity));
    }

    /// <summary>How many events were dropped since the last call. The reader only.</summary>
    internal long TakeLost() => Interlocked.Exchange(ref _header->Lost, 0);

    /// <summary>Adds the event unless the ring is full. Any thread; takes no lock and allocates nothing.</summary>
    internal void Put(in TraceEvent e)
    {
        long head;
        do
        {
            head = Volatile.Read(ref _header->Head);
            if (head - Volatile.Read(ref _header->Tail) >= Capacity)
            {
                Interlocked.Increment(ref _header->Lost);
                return;
            }
        }
        while (Interlocked.CompareExchange(ref _header->Head, head + 1, head) != head);

        Slot* slot = _slots + (head & (Capacity - 1));
        slot->Event = e;
        Volatile.Write(ref slot->Sequence, head + 1);
    }

    /// <summary>Moves what is there into <paramref name="buffer"/>, as far as it goes; returns how many. The reader only.</summary>
    internal int Take(Span<TraceEvent> buffer)
    {
        long tail = _header->Tail;
        int n = 0;
        while (n < buffer.Length)
        {
            Slot* slot = _slots + (tail & (Capacity - 1));
            if (Volatile.Read(ref slot->Sequence) != tail + 1)
            {
                break;
            }

            buffer[n++] = slot->Event;
            tail++;
        }

        Volatile.Write(ref _header->Tail, tail);
        return n;
    }
}
