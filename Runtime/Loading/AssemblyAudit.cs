using System.Reflection;

namespace ILPreempt.Runtime.Loading;

/// <summary>
/// Notes every assembly of the guest that runs unwoven, and so can be preempted only where woven code calls it: those that were left
/// alone, and those that came in by a way no redirect sees (reflection, code inside the framework, native hosting).
/// On only when somebody listens, as a handler of AssemblyLoad is called for every assembly there is.
/// </summary>
internal static class AssemblyAudit
{
    private static readonly Lock s_lock = new();
    private static readonly List<string> s_unwoven = [];
    private static int s_woven;
    private static int s_framework;

    /// <summary>Begins to listen, and takes in what is there already.</summary>
    public static void Start()
    {
        AppDomain.CurrentDomain.AssemblyLoad += static (_, args) => Note(args.LoadedAssembly);
        foreach (Assembly assembly in AppDomain.CurrentDomain.GetAssemblies())
        {
            Note(assembly);
        }
    }

    /// <summary>Woven, framework and unwoven assemblies so far, the last by their original paths. A snapshot.</summary>
    public static (int Woven, int Framework, string[] Unwoven) Read()
    {
        lock (s_lock)
        {
            return (s_woven, s_framework, [.. s_unwoven]);
        }
    }

    private static void Note(Assembly assembly)
    {
        if (assembly.IsDynamic || HostBridge.IsHost(assembly))
        {
            return;
        }

        string location = PathMap.ToOriginal(assembly.Location);
        bool woven = IsWoven(assembly);
        lock (s_lock)
        {
            if (woven)
            {
                s_woven++;
            }
            else if (location.Contains("/shared/Microsoft.", StringComparison.Ordinal) || assembly.GetName().Name!.EndsWith(".resources", StringComparison.Ordinal))
            {
                s_framework++;
            }
            else
            {
                s_unwoven.Add(location.Length == 0 ? assembly.GetName().Name! : location);
            }
        }
    }

    private static bool IsWoven(Assembly assembly)
    {
        foreach (CustomAttributeData attribute in assembly.GetCustomAttributesData())
        {
            if (attribute.AttributeType == typeof(AssemblyMetadataAttribute)
                && attribute.ConstructorArguments is [{ Value: "ILPreempt.Woven" }, ..])
            {
                return true;
            }
        }

        return false;
    }
}
