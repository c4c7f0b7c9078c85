using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

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
