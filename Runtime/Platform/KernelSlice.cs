using System.Runtime.InteropServices;

namespace ILPreempt.Runtime.Platform;

/// <summary>
/// How long the kernel lets the calling thread run at a time. A thread that asks for little goes first when it wakes up (EEVDF since
/// Linux 6.12: sched_setattr's runtime for ordinary threads, from 100 us). Without that, one that wakes behind a thread that
/// computes on the same CPU may wait for its slice to end, some milliseconds. Earlier kernels take the call and ignore the wish;
/// a negative nice value would do more, but needs a privilege.
/// </summary>
internal static unsafe class KernelSlice
{
    private static readonly nint s_get = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 275 : 315;
    private static readonly nint s_set = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 274 : 314;

    /// <summary>struct sched_attr, first version.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Attributes
    {
        internal uint Size;
        internal uint Policy;
        internal ulong Flags;
        internal int Nice;
        internal uint Priority;
        internal ulong Runtime;
        internal ulong Deadline;
        internal ulong Period;
    }

    /// <summary>Asks for slices of so many nanoseconds. Nothing happens where the thread is not an ordinary one.</summary>
    internal static void Ask(ulong ns)
    {
        Attributes now = default;
        if (!OperatingSystem.IsLinux() || Libc.Syscall(s_get, 0, (nint)(&now), sizeof(Attributes), 0, 0, 0) != 0 || now.Policy != 0)
        {
            return;
        }

        now.Size = (uint)sizeof(Attributes);
        now.Runtime = ns;
        _ = Libc.Syscall(s_set, 0, (nint)(&now), 0, 0, 0, 0);
    }
}
