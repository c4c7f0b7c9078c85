namespace ILPreempt.Runtime.Loading;

/// <summary>The way from the guest to the host's own assemblies.</summary>
internal static class HostBridge
{
    /// <summary>Called once at the start.</summary>
    public static void Start()
    {
    }
}
