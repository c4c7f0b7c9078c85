namespace ILPreempt.Host.Launch;

/// <summary>The host's own files, all in the folder of this assembly.</summary>
internal static class HostFiles
{
    /// <summary>The folder.</summary>
    public static string Folder { get; } = Path.GetDirectoryName(typeof(HostFiles).Assembly.Location)!;

    /// <summary>This assembly.</summary>
    public static string Host => Path.Combine(Folder, "ilpreempt.dll");

    /// <summary>The one assembly that enters the guest.</summary>
    public static string Runtime => Path.Combine(Folder, "ILPreempt.Runtime.dll");

    /// <summary>The helper that delivers preemption signals. Built where there was a C compiler.</summary>
    public static string SignalHelper => Path.Combine(Folder, "libilpreempt.so");

    /// <summary>The weaver.</summary>
    public static string Weaver => Path.Combine(Folder, "ILPreempt.Weaver.dll");
}
