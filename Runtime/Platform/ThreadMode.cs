using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Unicode;

namespace ILPreempt.Runtime.Platform;

/// <summary>
/// Tells whether a thread runs managed code or is in native code (blocked, in a system call) by one load of the flag that
/// CoreCLR itself uses: Thread.PreemptiveGCDisabled. Its offset comes from the contract descriptor that libcoreclr exports
/// for debuggers. This is what Go's syscall status is for sysmon, without telling anybody when entering native code.
/// Where the descriptor is missing, sysmon falls back to what Thread.ThreadState tells.
/// </summary>
internal static unsafe class ThreadMode
{
    private static readonly int s_offset = FindOffset();
    private static readonly FieldInfo? s_native = typeof(Thread).GetField("_DONT_USE_InternalThread", BindingFlags.Instance | BindingFlags.NonPublic);

    internal static bool Known => s_offset > 0 && s_native != null;

    /// <summary>The native thread behind <paramref name="thread"/>; valid until that thread ends. 0 when unknown.</summary>
    internal static nint NativeThread(Thread thread) => Known && s_native!.GetValue(thread) is nint p ? p : 0;

    /// <summary>True when the thread is in native code. The answer may be stale by the time it is used.</summary>
    internal static bool IsPreemptive(nint nativeThread) => Volatile.Read(ref *(int*)(nativeThread + s_offset)) == 0;

    /// <summary>The flag itself: 1 while the thread runs managed code. Null when unknown.</summary>
    internal static int* FlagOf(nint nativeThread) => nativeThread == 0 ? null : (int*)(nativeThread + s_offset);

    /// <summary>
    /// Whether the kernel has the thread on a run queue: /proc/self/task/TID/syscall then says "running", else which system
    /// call it waits in. False where that file can't be read. About 5 us.
    /// </summary>
    internal static bool IsRunnable(int tid)
    {
        Span<byte> path = stackalloc byte[64];
        if (tid == 0 || !Utf8.TryWrite(path, CultureInfo.InvariantCulture, $"/proc/self/task/{tid}/syscall\0", out _))
        {
            return false;
        }

        int file;
        fixed (byte* p = path)
        {
            file = Libc.Open(p, Libc.O_RDONLY | Libc.O_CLOEXEC);
        }

        if (file < 0)
        {
            return false;
        }

        byte first = 0;
        nint read = Libc.Read(file, &first, 1);
        _ = Libc.Close(file);
        return read == 1 && first == (byte)'r';
    }

    private static int FindOffset()
    {
        try
        {
            string path = Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libcoreclr.so");
            if (!NativeLibrary.TryLoad(path, out nint library)
                || !NativeLibrary.TryGetExport(library, "DotNetRuntimeContractDescriptor", out nint descriptor))
            {
                return 0;
            }

            byte* d = (byte*)descriptor;
            if (*(ulong*)d != 0x0043414443434e44)
            {
                return 0;
            }

            ReadOnlySpan<byte> json = new(*(byte**)(d + 16), (int)*(uint*)(d + 12));
            int at = json.IndexOf("\"Thread\":{"u8);
            if (at < 0)
            {
                return 0;
            }

            json = json[at..];
            json = json[..json.IndexOf((byte)'}')];
            ReadOnlySpan<byte> key = "\"PreemptiveGCDisabled\":"u8;
            at = json.IndexOf(key);
            if (at < 0)
            {
                return 0;
            }

            json = json[(at + key.Length)..];
            if (json[0] == (byte)'[')
            {
                json = json[1..];
            }

            int end = json.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
            return int.Parse(json[..end], NumberStyles.None, CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is DllNotFoundException or FormatException or ArgumentException)
        {
            return 0;
        }
    }
}
