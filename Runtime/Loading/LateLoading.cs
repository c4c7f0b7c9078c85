using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace ILPreempt.Runtime.Loading;

/// <summary>
/// Assemblies that the program loads by itself, by path or from bytes. They are woven on the way in by a weaver in a load context of
/// its own, into the store that the launcher uses, so only the first program that loads one pays for it. Nothing here
/// throws: whatever goes wrong ends in the original being loaded, or in the exception that plain .NET has for it.
/// </summary>
[StackTraceHidden]
internal static class LateLoading
{
    private static readonly Lock s_lock = new();

    // Woven path -> original, of what came in by LoadFrom: only these get their dependencies from their own folder.
    private static Dictionary<string, string>? s_loadedFrom;

    /// <summary>The file to load in place of <paramref name="path"/>.</summary>
    /// <param name="path">As the program gave it.</param>
    /// <param name="context">The context it is loaded into; null for one of its own.</param>
    public static string File(string path, AssemblyLoadContext? context)
    {
        if (!Launch.IsHosted || Launch.Scope == "none" || string.IsNullOrEmpty(path) || !Path.IsPathFullyQualified(path))
        {
            return path;
        }

        string full = Path.GetFullPath(path);
        if (PathMap.Trusted(full) is { } trusted)
        {
            return trusted;
        }

        // The Default context answers by name from what it trusts and never takes this file.
        if (context == AssemblyLoadContext.Default && PathMap.IsTrustedName(Path.GetFileNameWithoutExtension(full)) || IsFramework(full) || !System.IO.File.Exists(full))
        {
            return path;
        }

        string? woven = HostBridge.Weaver?.WeaveFile(full);
        if (woven is null)
        {
            return path;
        }

        PathMap.Add(woven, full);
        return woven;
    }

    /// <summary>The same for LoadFrom, which goes to the Default context and finds dependencies beside the file.</summary>
    public static string FileForLoadFrom(string path)
    {
        if (!Launch.IsHosted || string.IsNullOrEmpty(path))
        {
            return path;
        }

        string full = Path.GetFullPath(path);
        string file = File(full, AssemblyLoadContext.Default);
        if (file == full)
        {
            return path;
        }

        lock (s_lock)
        {
            if (s_loadedFrom is null)
            {
                // Ahead of CoreLib's own handler, which comes with the first LoadFrom and would look beside the woven file.
                s_loadedFrom = new Dictionary<string, string>(StringComparer.Ordinal);
                AppDomain.CurrentDomain.AssemblyResolve += ResolveSibling;
            }

            s_loadedFrom[file] = full;
        }

        return file;
    }

    /// <summary>What to load in place of an assembly given as bytes.</summary>
    public static (byte[] Image, byte[]? Symbols) Image(byte[] image, byte[]? symbols)
    {
        if (!Launch.IsHosted || Launch.Scope == "none" || image is null || image.Length == 0)
        {
            return (image!, symbols);
        }

        return HostBridge.Weaver?.WeaveImage(image, symbols) ?? (image, symbols);
    }

    /// <summary>The same for streams; those that stay as they are are handed back untouched where they stood.</summary>
    public static (Stream Image, Stream? Symbols) Streams(Stream image, Stream? symbols)
    {
        if (!Launch.IsHosted || Launch.Scope == "none" || image is null || !image.CanRead || !image.CanSeek || symbols is { CanSeek: false })
        {
            return (image!, symbols);
        }

        long imageStart = image.Position;
        long symbolsStart = symbols?.Position ?? 0;
        byte[] bytes = ReadRest(image);
        byte[]? symbolBytes = symbols is null ? null : ReadRest(symbols);
        (byte[] Image, byte[]? Symbols)? woven = bytes.Length == 0 ? null : HostBridge.Weaver?.WeaveImage(bytes, symbolBytes);
        if (woven is { } result)
        {
            return (new MemoryStream(result.Image, writable: false), result.Symbols is null ? null : new MemoryStream(result.Symbols, writable: false));
        }

        image.Position = imageStart;
        if (symbols is not null)
        {
            symbols.Position = symbolsStart;
        }

        return (image, symbols);
    }

    /// <summary>Gives the context that LoadFile made the name it has under plain .NET.</summary>
    public static void NameContext(Assembly assembly, string path)
    {
        try
        {
            if (AssemblyLoadContext.GetLoadContext(assembly) is { } context)
            {
                ContextName(context) = $"Assembly.LoadFile({Path.GetFullPath(path)})";
            }
        }
        catch (MissingFieldException)
        {
            // Another .NET: the name shows the woven file.
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_name")]
    private static extern ref string? ContextName(AssemblyLoadContext context);

    private static byte[] ReadRest(Stream stream)
    {
        byte[] bytes = new byte[stream.Length - stream.Position];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static bool IsFramework(string path)
    {
        // Beside the core library lies what is never woven late: <root>/shared/.
        string core = typeof(object).Assembly.Location;
        int shared = core.LastIndexOf("/shared/", StringComparison.Ordinal);
        return shared >= 0 && Launch.Scope != "all" && path.AsSpan().StartsWith(core.AsSpan(0, shared + "/shared/".Length));
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Subscribed only after a LoadFrom, which says it itself.")]
    private static Assembly? ResolveSibling(object? sender, ResolveEventArgs args)
    {
        string? requester = args.RequestingAssembly is { IsDynamic: false } assembly ? assembly.Location : null;
        string? original = null;
        lock (s_lock)
        {
            if (requester is null || !s_loadedFrom!.TryGetValue(requester, out original))
            {
                return null;
            }
        }

        // As CoreLib does it: the simple name, .dll, in the folder of who asks.
        string file = Path.Combine(Path.GetDirectoryName(original)!, new AssemblyName(args.Name).Name + ".dll");
        return System.IO.File.Exists(file) ? Redirects.LoadFrom(file) : null;
    }
}
