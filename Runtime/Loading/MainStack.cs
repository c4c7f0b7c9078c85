using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Loading;

/// <summary>
/// A large stack for the main thread. The launcher raised the soft stack limit before exec, so the kernel laid the address space out
/// with that much room below the main stack, and CoreCLR took the limit into the bounds it keeps for the thread. Children
/// should inherit the old limit, but the kernel compares each growth of a stack with the limit of that moment. So the mapping is
/// grown once, here, to all it may have, and then the old limit is put back: what is mapped needs no further leave. No page
/// is used by that but the lowest one.
/// </summary>
/// <remarks>
/// The growing is done by asking the kernel to write one byte to the lowest address: a refusal is then an error code, not a fault.
/// The old limit is also put back as the default size for new threads, which glibc takes from the limit at start-up.
/// </remarks>
internal static unsafe class MainStack
{
    /// <summary>Grows the calling thread's mapping (it must be the main thread) and puts <paramref name="oldLimit"/> back.</summary>
    public static void Reserve(ulong oldLimit)
    {
        LaunchNative.ThreadAttributes attributes;
        if (LaunchNative.pthread_getattr_np(LaunchNative.pthread_self(), &attributes) == 0)
        {
            void* low;
            nuint size;
            if (LaunchNative.pthread_attr_getstack(&attributes, &low, &size) == 0 && Touch((byte*)low))
            {
                // From now on pthread_getattr_np would answer with the old limit.
                StackBounds.MainHigh = (nuint)low + size;
                StackBounds.MainLow = (nuint)low;
                StackRoom.PlainStack = (nuint)oldLimit;
            }

            _ = LaunchNative.pthread_attr_destroy(&attributes);
        }

        RestoreLimit(oldLimit);
    }

    private static bool Touch(byte* low)
    {
        ReadOnlySpan<byte> zero = "/dev/zero\0"u8;
        fixed (byte* path = zero)
        {
            const int O_CLOEXEC = 0x80000;
            int file = LaunchNative.open(path, O_CLOEXEC);
            if (file < 0)
            {
                return false;
            }

            bool touched = LaunchNative.read(file, low, 1) == 1;
            _ = LaunchNative.close(file);
            return touched;
        }
    }

    private static void RestoreLimit(ulong oldLimit)
    {
        LaunchNative.RLimit limit;
        if (LaunchNative.getrlimit(LaunchNative.RLIMIT_STACK, &limit) != 0)
        {
            return;
        }

        limit.Soft = oldLimit;
        _ = LaunchNative.setrlimit(LaunchNative.RLIMIT_STACK, &limit);
        LaunchNative.ThreadAttributes attributes;
        if (LaunchNative.pthread_attr_init(&attributes) == 0)
        {
            if (LaunchNative.pthread_attr_setstacksize(&attributes, (nuint)oldLimit) == 0)
            {
                _ = LaunchNative.pthread_setattr_default_np(&attributes);
            }

            _ = LaunchNative.pthread_attr_destroy(&attributes);
        }
    }
}
