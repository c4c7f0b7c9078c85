using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Loading;

/// <summary>Lines on standard error, only when asked for by --verbose or ILPREEMPT_LOG: the streams belong to the guest.</summary>
internal static class HostLog
{
    /// <summary>Whether anybody wants to read it.</summary>
    public static bool IsOn { get; } = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("ILPREEMPT_LOG"));

    /// <summary>Writes one line.</summary>
    public static void Write(string text)
    {
        if (IsOn)
        {
            Libc.WriteError($"ilpreempt: {text}\n");
        }
    }
}
