using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using System.Runtime.Loader;
using System.Runtime.Remoting;

#pragma warning disable CA1707, IDE1006 // Accessors are called by their IL names.
#pragma warning disable SYSLIB0012, SYSLIB0056 // CodeBase and the old loaders are obsolete, and programs call them.

namespace ILPreempt.Runtime.Loading;

/// <summary>
/// What woven code calls instead of the members of the same name that load an assembly or tell where one lies. Each behaves as the
/// original (results, exceptions, messages with the program's own paths), except that what it loads is woven first; if that is
/// not possible the original is loaded. The methods are hidden from stack traces. Thread-safe.
/// </summary>
[StackTraceHidden]
[SuppressMessage("Design", "CA1062", Justification = "A null argument gets the exception of the member that stands behind.")]
public static class Redirects
{
    // The members that these stand for say the same.
    private const string Unseen = "Loads assemblies that a trimmer cannot see.";

    /// <summary><see cref="Assembly.Location"/>, as the original file's path.</summary>
    public static string get_Location(Assembly assembly) => PathMap.ToOriginal(assembly.Location);

    /// <summary><see cref="Assembly.CodeBase"/>, as the original file's URL.</summary>
    public static string? get_CodeBase(Assembly assembly)
    {
        string? codeBase = assembly.CodeBase;
        string location = assembly.IsDynamic ? "" : assembly.Location;
        string original = PathMap.ToOriginal(location);
        return ReferenceEquals(location, original) ? codeBase : new Uri(original).AbsoluteUri;
    }

    /// <summary><see cref="Module.FullyQualifiedName"/>, as the original file's path.</summary>
    public static string get_FullyQualifiedName(Module module) => PathMap.ToOriginal(module.FullyQualifiedName);

    /// <summary><see cref="Assembly.LoadFrom(string)"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static Assembly LoadFrom(string assemblyFile) => Assembly.LoadFrom(LateLoading.FileForLoadFrom(assemblyFile));

    /// <summary><see cref="Assembly.UnsafeLoadFrom(string)"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static Assembly UnsafeLoadFrom(string assemblyFile) => Assembly.UnsafeLoadFrom(LateLoading.FileForLoadFrom(assemblyFile));

    /// <summary><see cref="Assembly.LoadFile(string)"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static Assembly LoadFile(string path)
    {
        string file = LateLoading.File(path, null);
        Assembly assembly = Assembly.LoadFile(file);
        if (!ReferenceEquals(file, path))
        {
            LateLoading.NameContext(assembly, path);
        }

        return assembly;
    }

    /// <summary><see cref="Assembly.Load(byte[])"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static Assembly Load(byte[] rawAssembly)
    {
        (byte[] image, byte[]? symbols) = LateLoading.Image(rawAssembly, null);
        return Assembly.Load(image, symbols);
    }

    /// <summary><see cref="Assembly.Load(byte[], byte[])"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static Assembly Load(byte[] rawAssembly, byte[]? rawSymbolStore)
    {
        (byte[] image, byte[]? symbols) = LateLoading.Image(rawAssembly, rawSymbolStore);
        return Assembly.Load(image, symbols);
    }

    /// <summary><see cref="AssemblyLoadContext.LoadFromAssemblyPath(string)"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static Assembly LoadFromAssemblyPath(AssemblyLoadContext context, string assemblyPath) =>
        context.LoadFromAssemblyPath(LateLoading.File(assemblyPath, context));

    /// <summary><see cref="AssemblyLoadContext.LoadFromStream(Stream)"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static Assembly LoadFromStream(AssemblyLoadContext context, Stream assembly) => LoadFromStream(context, assembly, null);

    /// <summary><see cref="AssemblyLoadContext.LoadFromStream(Stream, Stream)"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static Assembly LoadFromStream(AssemblyLoadContext context, Stream assembly, Stream? assemblySymbols)
    {
        (Stream image, Stream? symbols) = LateLoading.Streams(assembly, assemblySymbols);
        return context.LoadFromStream(image, symbols);
    }

    /// <summary><see cref="Activator.CreateInstanceFrom(string, string)"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static ObjectHandle? CreateInstanceFrom(string assemblyFile, string typeName) =>
        Activator.CreateInstanceFrom(LateLoading.FileForLoadFrom(assemblyFile), typeName);

    /// <summary><see cref="Activator.CreateInstanceFrom(string, string, object[])"/>.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static ObjectHandle? CreateInstanceFrom(string assemblyFile, string typeName, object?[]? activationAttributes) =>
        Activator.CreateInstanceFrom(LateLoading.FileForLoadFrom(assemblyFile), typeName, activationAttributes);

    /// <summary>The overload of <see cref="Activator.CreateInstanceFrom(string, string)"/> with everything.</summary>
    [RequiresUnreferencedCode(Unseen)]
    public static ObjectHandle? CreateInstanceFrom(
        string assemblyFile,
        string typeName,
        bool ignoreCase,
        BindingFlags bindingAttr,
        Binder? binder,
        object?[]? args,
        CultureInfo? culture,
        object?[]? activationAttributes) =>
        Activator.CreateInstanceFrom(LateLoading.FileForLoadFrom(assemblyFile), typeName, ignoreCase, bindingAttr, binder, args, culture, activationAttributes);

    /// <summary><see cref="AppDomain.GetAssemblies"/>, without the host's own.</summary>
    public static Assembly[] GetAssemblies(AppDomain domain) => HostBridge.WithoutHost(domain.GetAssemblies());
}
