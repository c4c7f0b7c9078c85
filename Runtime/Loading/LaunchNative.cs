using System.Runtime.InteropServices;

namespace ILPreempt.Runtime.Loading;

/// <summary>The libc calls of the start of a guest, all blittable.</summary>
internal static unsafe class LaunchNative
{
    public const int RLIMIT_STACK = 3;

    /// <summary>Removes a variable from the real environment, from which .NET makes its copy when it first needs one.</summary>
    public static void Unset(string name)
    {
        byte* text = stackalloc byte[name.Length + 1];
        for (int i = 0; i < name.Length; i++)
        {
            text[i] = (byte)name[i];
        }

        text[name.Length] = 0;
        _ = unsetenv(text);
    }

    [DllImport("libc")]
    public static extern int getrlimit(int resource, RLimit* limit);

    [DllImport("libc")]
    public static extern int setrlimit(int resource, RLimit* limit);

    [DllImport("libc")]
    public static extern int open(byte* path, int flags);

    [DllImport("libc")]
    public static extern nint read(int file, void* buffer, nuint count);

    [DllImport("libc")]
    public static extern int close(int file);

    [DllImport("libc")]
    public static extern nint pthread_self();

    [DllImport("libc")]
    public static extern int pthread_getattr_np(nint thread, ThreadAttributes* attributes);

    [DllImport("libc")]
    public static extern int pthread_attr_getstack(ThreadAttributes* attributes, void** low, nuint* size);

    [DllImport("libc")]
    public static extern int pthread_attr_init(ThreadAttributes* attributes);

    [DllImport("libc")]
    public static extern int pthread_attr_setstacksize(ThreadAttributes* attributes, nuint size);

    [DllImport("libc")]
    public static extern int pthread_setattr_default_np(ThreadAttributes* attributes);

    [DllImport("libc")]
    public static extern int pthread_attr_destroy(ThreadAttributes* attributes);

    [DllImport("libc")]
    private static extern int unsetenv(byte* name);

    public struct RLimit
    {
        public ulong Soft;
        public ulong Hard;
    }

    // pthread_attr_t is 56 bytes on 64-bit glibc; the rest is room.
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    public struct ThreadAttributes
    {
        public long First;
    }
}
