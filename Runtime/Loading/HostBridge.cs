using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Loader;

namespace ILPreempt.Runtime.Loading;

/// <summary>
/// The way from the guest to the host's own assemblies. Those live in a load context of their own, loaded from the host's folder when
/// the first of them is needed and not before: the guest's own versions of the same packages never meet them.
/// </summary>
internal static class HostBridge
{
    private const string HostedOnly = "Runs only in programs that the launcher has started; those are not trimmed.";

    private static readonly Lock s_lock = new();
    private static HostContext? s_context;
    private static ILateWeaver? s_weaver;
    private static bool s_weaverFailed;

    /// <summary>The weaver for assemblies that come late; null if the host cannot be loaded.</summary>
    public static ILateWeaver? Weaver
    {
        get
        {
            lock (s_lock)
            {
                if (s_weaver is null && !s_weaverFailed)
                {
                    s_weaver = Create("ILPreempt.Host.Late.LateWeaver") as ILateWeaver;
                    s_weaverFailed = s_weaver is null;
                }

                return s_weaver;
            }
        }
    }

    /// <summary>
    /// Called once, before Main. The composed host is a service of the guest's process that most runs do without; it is
    /// started only where it has something to do (ILPREEMPT_LOG), and then on a thread of its own once Main has been running for
    /// a moment, so that short programs never see it.
    /// </summary>
    public static void Start()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("ILPREEMPT_LOG")))
        {
            return;
        }

        AssemblyAudit.Start();
        Thread thread = new(static () =>
        {
            Thread.Sleep(250);
            lock (s_lock)
            {
                Create("ILPreempt.Host.Composition.GuestHost");
            }
        })
        {
            IsBackground = true,
            Name = "ILPreempt host",
        };
        thread.UnsafeStart();
    }

    /// <summary>Leaves out what the program does not have under plain .NET.</summary>
    public static Assembly[] WithoutHost(Assembly[] assemblies) => Launch.IsHosted ? Array.FindAll(assemblies, static a => !IsHost(a)) : assemblies;

    /// <summary>Whether an assembly is one of the host's, this one included.</summary>
    public static bool IsHost(Assembly assembly) =>
        assembly == typeof(HostBridge).Assembly || s_context is { } context && AssemblyLoadContext.GetLoadContext(assembly) == context;

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = HostedOnly)]
    [UnconditionalSuppressMessage("Trimming", "IL2072", Justification = HostedOnly)]
    private static object? Create(string type)
    {
        try
        {
            s_context ??= new HostContext(Launch.HostFolder);
            Assembly host = s_context.LoadFromAssemblyPath(Launch.HostFolder + "/ilpreempt.dll");
            return Activator.CreateInstance(host.GetType(type, throwOnError: true)!);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            HostLog.Write($"the host cannot be loaded, assemblies that come late stay as they are: {e.GetBaseException().Message}");
            return null;
        }
    }

    /// <summary>The host's folder first, then the frameworks of the guest; ILPreempt.Runtime is the guest's, so that both mean the same types.</summary>
    private sealed class HostContext(string folder) : AssemblyLoadContext("ILPreempt.Host")
    {
        [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = HostedOnly)]
        protected override Assembly? Load(AssemblyName assemblyName)
        {
            if (assemblyName.Name == "ILPreempt.Runtime")
            {
                return typeof(HostBridge).Assembly;
            }

            string file = $"{folder}/{assemblyName.Name}.dll";
            return File.Exists(file) ? LoadFromAssemblyPath(file) : null;
        }
    }
}
