using System.Runtime.InteropServices;
using System.Text;

namespace ILPreempt.Host.Launch;

/// <summary>The libc calls by which the launcher turns into the guest. All blittable, so that ReadyToRun code calls them directly.</summary>
internal static unsafe class Native
{
    private const int RLIMIT_STACK = 3;
    private const int SIGPIPE = 13;

    /// <summary>Sets a variable in the real environment, which is what exec hands on; .NET's own copy is not touched.</summary>
    public static void SetEnvironment(string name, string value)
    {
        Environment.SetEnvironmentVariable(name, value);
        fixed (byte* n = Text(name), v = Text(value))
        {
            _ = setenv(n, v, 1);
        }
    }

    /// <summary>Removes a variable from the real environment.</summary>
    public static void UnsetEnvironment(string name)
    {
        Environment.SetEnvironmentVariable(name, null);
        fixed (byte* n = Text(name))
        {
            _ = unsetenv(n);
        }
    }

    /// <summary>
    /// Raises the soft stack limit to at least <paramref name="bytes"/> if the hard limit allows it. Returns the old soft limit,
    /// or null if nothing changed.
    /// </summary>
    public static ulong? RaiseStackLimit(ulong bytes)
    {
        RLimit limit;
        if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.Soft >= bytes || limit.Hard < bytes)
        {
            return null;
        }

        ulong old = limit.Soft;
        limit.Soft = bytes;
        return setrlimit(RLIMIT_STACK, &limit) == 0 ? old : null;
    }

    /// <summary>Replaces this process by another program. Returns only if that fails, with errno.</summary>
    public static int Exec(string file, IReadOnlyList<string> arguments)
    {
        // The runtime ignores SIGPIPE, exec hands an ignored signal on, and the guest's own children would inherit it.
        _ = signal(SIGPIPE, 0);
        RemoveDiagnosticPort();
        byte** argv = (byte**)NativeMemory.Alloc((nuint)(arguments.Count + 2), (nuint)sizeof(byte*));
        argv[0] = Allocate(file);
        for (int i = 0; i < arguments.Count; i++)
        {
            argv[i + 1] = Allocate(arguments[i]);
        }

        argv[arguments.Count + 1] = null;
        _ = execv(argv[0], argv);
        return Marshal.GetLastSystemError();
    }

    // The runtime of this process listens on a socket named for the process and its start, and both stay the same over an exec: the
    // guest's runtime would find the name taken and go without, and dotnet-trace and the like could not reach it.
    private static void RemoveDiagnosticPort()
    {
        const int StartTime = 19;
        try
        {
            string stat = File.ReadAllText("/proc/self/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            File.Delete(Path.Combine(Path.GetTempPath(), $"dotnet-diagnostic-{Environment.ProcessId}-{fields[StartTime]}-socket"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or IndexOutOfRangeException)
        {
            // Another system, or a program that goes without.
        }
    }

    /// <summary>Sends SIGTERM.</summary>
    public static void Terminate(int processId)
    {
        const int SIGTERM = 15;
        _ = kill(processId, SIGTERM);
    }

    /// <summary>Makes a second name for a file, or a copy where the file system cannot.</summary>
    public static void LinkOrCopy(string existing, string file)
    {
        const int AT_FDCWD = -100;
        fixed (byte* e = Text(existing), f = Text(file))
        {
            if (OperatingSystem.IsLinux() && linkat(AT_FDCWD, e, AT_FDCWD, f, 0) == 0)
            {
                return;
            }
        }

        File.Copy(existing, file);
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text + '\0');

    private static byte* Allocate(string text)
    {
        byte[] bytes = Text(text);
        byte* copy = (byte*)NativeMemory.Alloc((nuint)bytes.Length);
        bytes.CopyTo(new Span<byte>(copy, bytes.Length));
        return copy;
    }

    [DllImport("libc")]
    private static extern int execv(byte* path, byte** argv);

    [DllImport("libc")]
    private static extern int setenv(byte* name, byte* value, int overwrite);

    [DllImport("libc")]
    private static extern int unsetenv(byte* name);

    [DllImport("libc")]
    private static extern int getrlimit(int resource, RLimit* limit);

    [DllImport("libc")]
    private static extern int setrlimit(int resource, RLimit* limit);

    [DllImport("libc")]
    private static extern int kill(int process, int signal);

    [DllImport("libc")]
    private static extern nint signal(int number, nint handler);

    [DllImport("libc")]
    private static extern int linkat(int oldFolder, byte* oldPath, int newFolder, byte* newPath, int flags);

    private struct RLimit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
