using System.Runtime.InteropServices;
using ILPreempt.Runtime.Loading;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Platform;

/// <summary>The library built from Runtime/native, in the host's folder, or with a program woven by its build. Everything works without it, with less.</summary>
internal static unsafe class NativeHelper
{
    private const string FileName = "libilpreempt.so";

    private static nint s_library;

    /// <summary>Loads it if that has not happened. Returns null, or why there is none.</summary>
    internal static string? TryLoad()
    {
        if (s_library != 0)
        {
            return null;
        }

        if (!OperatingSystem.IsLinux())
        {
            return "signals are used on Linux only";
        }

        // A program woven by its build has it where .NET looks for the native files of packages.
        string path = Launch.IsHosted ? Path.Combine(Launch.HostFolder, FileName) : FileName;
        if (!NativeLibrary.TryLoad(path, typeof(NativeHelper).Assembly, searchPath: null, out nint library))
        {
            return File.Exists(path)
                ? $"{path} cannot be loaded"
                : $"there is no {path} (it is built where the product is built, with the system's C compiler)";
        }

        var size = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "ilp_slot_size");
        if (size() != sizeof(MSlot))
        {
            return $"{path} belongs to another version";
        }

        s_library = library;
        return null;
    }

    /// <summary>A function of the loaded library.</summary>
    internal static nint Export(string name) => NativeLibrary.GetExport(s_library, name);
}
