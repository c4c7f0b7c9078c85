// Loads the same plug-in in every way .NET has: a collectible context, LoadFrom, LoadFile, bytes, method groups.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

class PluginContext(string path) : AssemblyLoadContext("plugin", isCollectible: true)
{
    readonly AssemblyDependencyResolver _resolver = new(path);
    protected override Assembly Load(AssemblyName name) => _resolver.ResolveAssemblyToPath(name) is string file ? LoadFromAssemblyPath(file) : null;
}

class Program
{
    static readonly string s_folder = Path.Combine(AppContext.BaseDirectory, "plugins");
    static readonly string s_path = Path.Combine(s_folder, "Plugin.dll");

    static int Main()
    {
        WeakReference alive = InContext();
        for (int i = 0; i < 20 && alive.IsAlive; i++) { GC.Collect(); GC.WaitForPendingFinalizers(); }
        Console.WriteLine($"unloaded {!alive.IsAlive}");

        Show("LoadFrom", Assembly.LoadFrom(s_path));
        Show("LoadFile", Assembly.LoadFile(s_path));
        Func<string, Assembly> group = Assembly.LoadFrom;
        Console.WriteLine($"method group is the same {group(s_path) == Assembly.LoadFrom(s_path)}");
        AssemblyLoadContext streams = new("streams");
        streams.Resolving += (context, name) => context.LoadFromAssemblyPath(Path.Combine(s_folder, name.Name + ".dll"));
        using (FileStream file = File.OpenRead(s_path)) { Show("stream", streams.LoadFromStream(file)); }
        AppDomain.CurrentDomain.AssemblyResolve += (_, e) => e.Name.StartsWith("Newtonsoft") ? Assembly.LoadFrom(Path.Combine(s_folder, "Newtonsoft.Json.dll")) : null;
        Show("bytes", Assembly.Load(File.ReadAllBytes(s_path)));
        Show("bytes and symbols", Assembly.Load(File.ReadAllBytes(s_path), File.ReadAllBytes(Path.ChangeExtension(s_path, ".pdb"))));
        Show("CreateInstanceFrom", Activator.CreateInstanceFrom(s_path, "Plugin").Unwrap().GetType().Assembly);
        foreach (string bad in new[] { "nosuch.dll", "Plugin.deps.json" })
        {
            try { Assembly.LoadFrom(Path.Combine(s_folder, bad)); }
            catch (Exception e) { Console.WriteLine($"{e.GetType().Name}: {e.Message}"); }
        }
        try { Assembly.Load([1, 2, 3]); }
        catch (BadImageFormatException e) { Console.WriteLine(e.Message); }
        try { Assembly.LoadFrom(null); }
        catch (ArgumentNullException e) { Console.WriteLine(e.Message); }
        try { Assembly.LoadFile("relative.dll"); }
        catch (ArgumentException e) { Console.WriteLine(e.Message); }
        Console.WriteLine(string.Join(",", AppDomain.CurrentDomain.GetAssemblies().Select(a => a.GetName().Name).Where(n => n is "Plugin" or "Newtonsoft.Json" or "PluginHost").Order(StringComparer.Ordinal)));
        return 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static WeakReference InContext()
    {
        PluginContext context = new(s_path);
        Show("context", context.LoadFromAssemblyPath(s_path));
        context.Unload();
        return new WeakReference(context);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Show(string how, Assembly assembly)
    {
        object plugin = Activator.CreateInstance(assembly.GetType("Plugin"));
        string text = (string)plugin.GetType().GetMethod("Run").Invoke(plugin, ["input"]);
        Console.WriteLine($"{how}: {text} at '{assembly.Location}' in {AssemblyLoadContext.GetLoadContext(assembly).Name} {assembly.FullName}");
        try { plugin.GetType().GetMethod("Fail").Invoke(plugin, null); }
        catch (TargetInvocationException e) { Console.WriteLine(e.InnerException.StackTrace.Split('\n')[0]); }
    }
}
