using System.Runtime.InteropServices;
using ILPreempt.Runtime.Loading;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Platform;

/// <summary>The library built from Runtime/native, beside this assembly or in the host's folder. Everything works without it, with less.</summary>
internal static unsafe class NativeHelper
{
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

        string folder = Launch.IsHosted ? Launch.HostFolder : Path.GetDirectoryName(typeof(NativeHelper).Assembly.Location) ?? "";
        string path = Path.Combine(folder, "libilpreempt.so");
        if (!NativeLibrary.TryLoad(path, out nint library))
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
