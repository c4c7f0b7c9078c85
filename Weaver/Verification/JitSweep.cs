using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace ILPreempt.Weaver.Verification;

/// <summary>
/// Lets the JIT compile every method of an assembly and lists what it refuses. Run in a process of its own: a
/// broken body may take the process down.
/// </summary>
/// <remarks>
/// This finds more than an IL verifier (which does not know box or ref struct rules fully) and proves the thing that
/// matters. Generic code is compiled over object and int, or over a constraint's own type.
/// </remarks>
public static class JitSweep
{
    private const BindingFlags Declared =
        BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    /// <summary>Compiles all methods and writes one line per failure, then a line with the total.</summary>
    /// <param name="assemblyFile">The assembly.</param>
    /// <param name="references">Files that its references are resolved to, by simple name.</param>
    /// <param name="output">Where the lines go: "exception type, a tab, the method".</param>
    public static void Run(string assemblyFile, IEnumerable<string> references, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(references);
        ArgumentNullException.ThrowIfNull(output);
        Dictionary<string, string> files = new(StringComparer.OrdinalIgnoreCase);
        foreach (string reference in references)
        {
            files.TryAdd(Path.GetFileNameWithoutExtension(reference), reference);
        }

        AssemblyLoadContext context = new("sweep");
        context.Resolving += (c, name) => files.TryGetValue(name.Name!, out string? file) ? c.LoadFromAssemblyPath(file) : null;
        output.WriteLine($"compiled\t{Compile(context.LoadFromAssemblyPath(Path.GetFullPath(assemblyFile)), output)}");
    }

    /// <summary>Compiles all methods of a loaded assembly and writes one line per failure; returns how many compiled.</summary>
    public static int Compile(Assembly assembly, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        ArgumentNullException.ThrowIfNull(output);
        int compiled = 0;
        foreach (Module module in assembly.GetModules())
        {
            foreach (Type type in TypesOf(module, output))
            {
                foreach (MethodBase method in MembersOf(type, output))
                {
                    compiled += Compile(type, method, output);
                }
            }
        }

        return compiled;
    }

    private static IEnumerable<Type> TypesOf(Module module, TextWriter output)
    {
        try
        {
            return module.GetTypes();
        }
        catch (ReflectionTypeLoadException e)
        {
            foreach (Exception? inner in e.LoaderExceptions)
            {
                output.WriteLine($"{inner?.GetType().Name}\ttype: {inner?.Message}");
            }

            return e.Types.OfType<Type>();
        }
    }

    private static IEnumerable<MethodBase> MembersOf(Type type, TextWriter output)
    {
        try
        {
            return [.. type.GetMethods(Declared), .. type.GetConstructors(Declared)];
        }
        catch (Exception e)
        {
            output.WriteLine($"{e.GetType().Name}\tmembers of {type}");
            return [];
        }
    }

    private static int Compile(Type type, MethodBase method, TextWriter output)
    {
        string name = "";
        try
        {
            name = $"{type.FullName} {method}";
            if (method.IsAbstract || method.GetMethodBody() is null)
            {
                return 0;
            }

            Type[] parameters = [
                .. type.IsGenericTypeDefinition ? type.GetGenericArguments() : [],
                .. method.IsGenericMethodDefinition ? method.GetGenericArguments() : []];
            if (parameters.Length == 0)
            {
                RuntimeHelpers.PrepareMethod(method.MethodHandle);
                return 1;
            }

            RuntimeHelpers.PrepareMethod(method.MethodHandle, [.. parameters.Select(p => Argument(p, typeof(object)).TypeHandle)]);
            if (parameters.All(p => p.GetGenericParameterConstraints().Length == 0 && (p.GenericParameterAttributes & GenericParameterAttributes.ReferenceTypeConstraint) == 0))
            {
                RuntimeHelpers.PrepareMethod(method.MethodHandle, [.. parameters.Select(_ => typeof(int).TypeHandle)]);
            }

            return 1;
        }
        catch (Exception e)
        {
            output.WriteLine($"{e.GetType().Name}\t{name}");
            return 0;
        }
    }

    private static Type Argument(Type parameter, Type fallback)
    {
        if ((parameter.GenericParameterAttributes & GenericParameterAttributes.NotNullableValueTypeConstraint) != 0)
        {
            return typeof(int);
        }

        Type? constraint = parameter.GetGenericParameterConstraints().FirstOrDefault(c => !c.ContainsGenericParameters && !c.IsSealed);
        return constraint ?? fallback;
    }
}
