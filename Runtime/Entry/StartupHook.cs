using System.Diagnostics;
using ILPreempt.Runtime.Loading;

// The name, the missing namespace and the signature are what .NET looks for in a startup hook.

/// <summary>How the host gets into the guest: the mirror's runtimeconfig.json names this assembly as a startup hook.</summary>
[StackTraceHidden]
internal static class StartupHook
{
    /// <summary>Runs on the main thread before the guest's Main.</summary>
    public static void Initialize() => Launch.Attach();
}
