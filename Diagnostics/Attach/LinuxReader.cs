using System.Runtime.InteropServices;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>What the debugging library asks of every reader of memory, whatever its memory comes from.</summary>
internal abstract class LinuxReader(int process) : IDataReader
{
    public abstract string DisplayName { get; }

    public bool IsThreadSafe => false;

    public OSPlatform TargetPlatform => OSPlatform.Linux;

    public Architecture Architecture => RuntimeInformation.ProcessArchitecture;

    public int ProcessId { get; } = process;

    public int PointerSize => 8;

    /// <summary>The files that the process has mapped.</summary>
    protected List<ModuleInfo> Modules { get; } = [];

    public IEnumerable<ModuleInfo> EnumerateModules() => Modules;

    public void FlushCachedData()
    {
    }

    public abstract int Read(ulong address, Span<byte> buffer);

    public bool Read<T>(ulong address, out T value)
        where T : unmanaged
    {
        value = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));
        return Read(address, bytes) == bytes.Length;
    }

    public T Read<T>(ulong address)
        where T : unmanaged => Read(address, out T value) ? value : default;

    public bool ReadPointer(ulong address, out ulong value) => Read(address, out value);

    public ulong ReadPointer(ulong address) => Read<ulong>(address);

    public abstract bool GetThreadContext(uint threadID, uint contextFlags, Span<byte> context);
}
