using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// A reader that knows where threads in managed code were. The debugging library starts at a thread's registers: those of one that a
/// preemption signal has parked are of a system call inside a signal handler, where it finds no managed frame, and a snapshot has
/// none at all. The handler has saved the interrupted registers in the M's slot (MSlot in ILPreempt.Runtime, whose layout is
/// repeated here), and this reader gives them out instead. x64 only; elsewhere such threads show no frames.
/// </summary>
internal sealed class SavedRegisters(IDataReader inner) : IDataReader
{
    private const int TidOffset = 0;
    private const int HandlerOffset = 20;
    private const int CaptureOffset = 36;
    private const int RegistersOffset = 160;
    private const int Parked = 1;
    private const int Captured = 3;
    private const int RegisterCount = 17;

    // Where each of the kernel's gregs (r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip) is in a Windows CONTEXT.
    private static readonly int[] s_contextOffsets =
        [0xB8, 0xC0, 0xC8, 0xD0, 0xD8, 0xE0, 0xE8, 0xF0, 0xB0, 0xA8, 0xA0, 0x90, 0x88, 0x78, 0x80, 0x98, 0xF8];

    private readonly Dictionary<uint, ulong[]> _registers = [];

    public string DisplayName => inner.DisplayName;

    public bool IsThreadSafe => inner.IsThreadSafe;

    public OSPlatform TargetPlatform => inner.TargetPlatform;

    public Architecture Architecture => inner.Architecture;

    public int ProcessId => inner.ProcessId;

    public int PointerSize => inner.PointerSize;

    /// <summary>Notes the registers of the M whose slot is at <paramref name="slot"/>, if it saved them.</summary>
    /// <returns>Whether a preemption signal has parked it.</returns>
    public bool Note(ulong slot, out uint tid)
    {
        bool parked = Read(slot + HandlerOffset, out int handler) && handler == Parked;
        bool captured = Read(slot + CaptureOffset, out int capture) && capture == Captured;
        if (Read(slot + TidOffset, out tid) && (parked || captured) && Architecture == Architecture.X64)
        {
            ulong[] registers = new ulong[RegisterCount];
            if (Read(slot + RegistersOffset, MemoryMarshal.AsBytes(registers.AsSpan())) == RegisterCount * sizeof(ulong))
            {
                _registers[tid] = registers;
            }
        }

        return parked;
    }

    /// <summary>Where a thread that saved its registers was, and its frame pointer. False for others.</summary>
    public bool TryGetFrame(uint thread, out ulong instruction, out ulong frame)
    {
        const int Rbp = 10, Rip = 16;
        bool known = _registers.TryGetValue(thread, out ulong[]? registers);
        (instruction, frame) = known ? (registers![Rip], registers[Rbp]) : (0, 0);
        return known;
    }

    public bool GetThreadContext(uint threadID, uint contextFlags, Span<byte> context)
    {
        bool known = inner.GetThreadContext(threadID, contextFlags, context);
        if (known && _registers.TryGetValue(threadID, out ulong[]? registers))
        {
            for (int i = 0; i < RegisterCount; i++)
            {
                if (s_contextOffsets[i] + sizeof(ulong) <= context.Length)
                {
                    BinaryPrimitives.WriteUInt64LittleEndian(context[s_contextOffsets[i]..], registers[i]);
                }
            }
        }

        return known;
    }

    public IEnumerable<ModuleInfo> EnumerateModules() => inner.EnumerateModules();

    public void FlushCachedData() => inner.FlushCachedData();

    public int Read(ulong address, Span<byte> buffer) => inner.Read(address, buffer);

    public bool Read<T>(ulong address, out T value)
        where T : unmanaged => inner.Read(address, out value);

    public T Read<T>(ulong address)
        where T : unmanaged => inner.Read<T>(address);

    public bool ReadPointer(ulong address, out ulong value) => inner.ReadPointer(address, out value);

    public ulong ReadPointer(ulong address) => inner.ReadPointer(address);
}
