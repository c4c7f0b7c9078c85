using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// A reader that shows threads parked by a preemption signal where the signal found them. The debugging library starts at a
/// thread's registers, which are those of a system call inside a signal handler: it finds no managed frame there. The handler has
/// saved the interrupted registers in the M's slot (MSlot in ILPreempt.Runtime, whose layout is repeated here), and this
/// reader gives them out instead. x64 only; elsewhere such threads show no frames.
/// </summary>
internal sealed class ParkedThreads(IDataReader inner) : IDataReader
{
    private const int TidOffset = 0;
    private const int HandlerOffset = 20;
    private const int RegistersOffset = 152;
    private const int Parked = 1;
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

    /// <summary>Notes the registers of the M whose slot is at <paramref name="slot"/>, if it is parked.</summary>
    public void Note(ulong slot)
    {
        if (Architecture != Architecture.X64 || !Read(slot + HandlerOffset, out int handler) || handler != Parked || !Read(slot + TidOffset, out uint tid))
        {
            return;
        }

        ulong[] registers = new ulong[RegisterCount];
        if (Read(slot + RegistersOffset, MemoryMarshal.AsBytes(registers.AsSpan())) == RegisterCount * sizeof(ulong))
        {
            _registers[tid] = registers;
        }
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
