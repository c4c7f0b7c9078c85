using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace ILPreempt.Runtime.Platform;

/// <summary>The few C library calls the scheduler makes. All are blittable, so no marshalling stub is compiled for them.</summary>
internal static unsafe partial class Libc
{
    internal const int EAGAIN = 11;
    internal const int EINTR = 4;
    internal const int O_RDONLY = 0;
    internal const int O_CLOEXEC = 0x80000;
    internal const int MADV_DONTNEED = 4;

    [DllImport("libc", EntryPoint = "syscall", SetLastError = false)]
    internal static extern nint Syscall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

    /// <summary>On which CPU the caller runs now; -1 where that is unknown.</summary>
    internal static int CurrentCpu() => OperatingSystem.IsLinux() ? SchedGetCpu() : -1;

    [SuppressGCTransition]
    [DllImport("libc", EntryPoint = "sched_getcpu")]
    private static extern int SchedGetCpu();

    /// <summary>The CPUs that a thread may use (0: the caller), as bits; <paramref name="size"/> in bytes.</summary>
    [DllImport("libc", EntryPoint = "sched_getaffinity")]
    internal static extern int SchedGetAffinity(int tid, nint size, ulong* cpus);

    [DllImport("libc", EntryPoint = "sched_setaffinity")]
    internal static extern int SchedSetAffinity(int tid, nint size, ulong* cpus);

    [DllImport("libc", EntryPoint = "write")]
    internal static extern nint Write(int fd, byte* bytes, nint count);

    [DllImport("libc", EntryPoint = "abort")]
    internal static extern void Abort();

    [DllImport("libc", EntryPoint = "_exit")]
    internal static extern void ExitNow(int status);

    [DllImport("libc", EntryPoint = "mincore")]
    internal static extern int MinCore(void* address, nuint length, byte* vector);

    [DllImport("libc", EntryPoint = "madvise")]
    internal static extern int MAdvise(void* address, nuint length, int advice);

    [DllImport("libc", EntryPoint = "pthread_self")]
    internal static extern nint PThreadSelf();

    [DllImport("libc", EntryPoint = "pthread_getattr_np")]
    internal static extern int PThreadGetAttr(nint thread, byte* attributes);

    [DllImport("libc", EntryPoint = "pthread_attr_getstack")]
    internal static extern int PThreadAttrGetStack(byte* attributes, nuint* low, nuint* size);

    [DllImport("libc", EntryPoint = "pthread_attr_destroy")]
    internal static extern int PThreadAttrDestroy(byte* attributes);

    [DllImport("libc", EntryPoint = "clock_gettime")]
    internal static extern int ClockGetTime(int clock, long* secondsAndNanoseconds);

    [DllImport("libc", EntryPoint = "getrusage")]
    internal static extern int GetRUsage(int who, long* usage);

    [DllImport("libc", EntryPoint = "prctl")]
    internal static extern int PrCtl(int option, nint value, nint c, nint d, nint e);

    /// <summary>The calling thread's name as the system knows it; empty where it is unknown.</summary>
    internal static string ThreadName()
    {
        const int PrGetName = 16;
        byte* name = stackalloc byte[16];
        return OperatingSystem.IsLinux() && PrCtl(PrGetName, (nint)name, 0, 0, 0) == 0 ? Marshal.PtrToStringUTF8((nint)name)! : "";
    }

    [DllImport("libc", EntryPoint = "open")]
    internal static extern int Open(byte* path, int flags);

    [DllImport("libc", EntryPoint = "read")]
    internal static extern nint Read(int fd, byte* bytes, nint count);

    [DllImport("libc", EntryPoint = "close")]
    internal static extern int Close(int fd);

    [DllImport("libc", EntryPoint = "gettid")]
    private static extern int GetTid();

    /// <summary>The kernel's id of the calling thread; 0 where there is none.</summary>
    internal static int ThreadId() => OperatingSystem.IsLinux() ? GetTid() : 0;

    /// <summary>Writes UTF-8 text to stderr without the Console's locks, so that it works from any state.</summary>
    internal static void WriteError(string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
        {
            Console.Error.Write(text);
            return;
        }

        fixed (byte* p = bytes)
        {
            nint done = 0;
            while (done < bytes.Length)
            {
                nint n = Write(2, p + done, bytes.Length - done);
                if (n <= 0)
                {
                    return;
                }

                done += n;
            }
        }
    }
}
