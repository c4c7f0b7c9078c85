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
    // The C library has no functions for them before glibc 2.41.
    private static readonly (nint Get, nint Set) s_numbers = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => (315, 314),
        Architecture.Arm64 => (275, 274),
        _ => (0, 0),
    };

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
        if (!OperatingSystem.IsLinux() || s_numbers.Get == 0 || Libc.Syscall(s_numbers.Get, 0, (nint)(&now), sizeof(Attributes), 0, 0, 0) != 0 || now.Policy != 0)
        {
            return;
        }

        now.Size = (uint)sizeof(Attributes);
        now.Runtime = ns;
        _ = Libc.Syscall(s_numbers.Set, 0, (nint)(&now), 0, 0, 0, 0);
    }
}
