using Mono.Cecil;

namespace ILPreempt.Weaver.Rules;

/// <summary>One member of the framework whose calls go to the runtime instead.</summary>
/// <param name="Type">Full name of the declaring type.</param>
/// <param name="Member">Name of the method or accessor; the target has the same.</param>
/// <param name="IsInstance">The receiver becomes the first argument.</param>
/// <param name="Parameters">Full names of the parameter types.</param>
internal sealed record Redirect(string Type, string Member, bool IsInstance, string[] Parameters);

/// <summary>
/// The members that load assemblies, or tell where one lies, and so would see the cache instead of the program's
/// own folder. A test compares the table with the reference assemblies by reflection: each overload of a name
/// mentioned here is redirected with equal stack effect, or listed as left alone.
/// </summary>
internal static class RedirectTable
{
    /// <summary>Full name of the class that has the targets.</summary>
    public const string TargetType = "ILPreempt.Runtime.Loading.Redirects";

    private const string Assembly = "System.Reflection.Assembly";
    private const string Module = "System.Reflection.Module";
    private const string Context = "System.Runtime.Loader.AssemblyLoadContext";
    private const string Stream = "System.IO.Stream";

    public static IReadOnlyList<Redirect> Redirected { get; } =
    [
        new(Assembly, "LoadFrom", false, ["System.String"]),
        new(Assembly, "UnsafeLoadFrom", false, ["System.String"]),
        new(Assembly, "LoadFile", false, ["System.String"]),
        new(Assembly, "Load", false, ["System.Byte[]"]),
        new(Assembly, "Load", false, ["System.Byte[]", "System.Byte[]"]),
        new(Assembly, "get_Location", true, []),
        new(Assembly, "get_CodeBase", true, []),
        new(Module, "get_FullyQualifiedName", true, []),
        new(Context, "LoadFromAssemblyPath", true, ["System.String"]),
        new(Context, "LoadFromStream", true, [Stream]),
        new(Context, "LoadFromStream", true, [Stream, Stream]),
        new("System.Activator", "CreateInstanceFrom", false, ["System.String", "System.String"]),
        new("System.Activator", "CreateInstanceFrom", false, ["System.String", "System.String", "System.Object[]"]),
        new("System.Activator", "CreateInstanceFrom", false,
        [
            "System.String", "System.String", "System.Boolean", "System.Reflection.BindingFlags", "System.Reflection.Binder", "System.Object[]",
            "System.Globalization.CultureInfo", "System.Object[]",
        ]),
        new("System.AppDomain", "GetAssemblies", true, []),
    ];

    /// <summary>Overloads of the same names that stay as they are: they load by name, which the host resolves.</summary>
    public static IReadOnlyList<Redirect> LeftAlone { get; } =
    [
        new(Assembly, "Load", false, ["System.String"]),
        new(Assembly, "Load", false, ["System.Reflection.AssemblyName"]),
        new(Assembly, "LoadFrom", false, ["System.String", "System.Byte[]", "System.Configuration.Assemblies.AssemblyHashAlgorithm"]),
    ];

    private static readonly HashSet<(string, string)> s_names = [.. Redirected.Select(r => (r.Type, r.Member))];

    /// <summary>Whether some overload of the member is redirected.</summary>
    public static bool Mentions(string type, string member) => s_names.Contains((type, member));

    public static Redirect? Find(MethodReference method)
    {
        foreach (Redirect redirect in Redirected)
        {
            if (method.Name == redirect.Member && method.HasThis == redirect.IsInstance && method.DeclaringType.FullName == redirect.Type
                && method.Parameters.Select(p => p.ParameterType.FullName).SequenceEqual(redirect.Parameters))
            {
                return redirect;
            }
        }

        return null;
    }
}
