// A managed debugger in its smallest form: attaches to a process, lets it run, breaks, walks all stacks, lets it run again, detaches.
// Usage: ILPreempt.Debugger PID MILLISECONDS; the time that the program runs under it, before the break and again after it.
//
// It talks to libmscordbi.so, which lies beside the runtime, as debuggers do through dbgshim, whose only part here would be to find
// that library. COM by hand: an object is a pointer to a table of functions, and the numbers below are places in cordebug.idl's tables.
using System.Runtime.InteropServices;

namespace ILPreempt.Debugger;

internal static unsafe class Program
{
    private const int LatestVersion = 5;
    private const int EndOfStack = 0x00131324;

    private static readonly Guid s_callback = new("3d6f5f60-7538-11d3-8d5b-00104b35e7ef");
    private static readonly Guid s_callback2 = new("250e5eea-db5c-4c76-b6f3-8c46f12e3203");
    private static readonly Guid s_unknown = new("00000000-0000-0000-c000-000000000046");
    private static readonly Guid s_thread3 = new("f8544ec3-5e4e-46c7-8d3e-a52b8405b1f5");

    // Two interfaces of one object: the pointer to each is the address of its table's address.
    private static readonly nint* s_interfaces = (nint*)NativeMemory.AllocZeroed(2, (nuint)sizeof(nint));
    private static int s_events;
    private static int s_exited;

    private static int Main(string[] args)
    {
        int pid = int.Parse(args[0]);
        int milliseconds = int.Parse(args[1]);
        nint library = NativeLibrary.Load(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "libmscordbi.so"));

        // What a loader of Windows would call; the library sets itself up there.
        ((delegate* unmanaged<nint, int, nint, int>)NativeLibrary.GetExport(library, "DllMain"))(library, 1, 0);
        nint debug = 0;
        Check(((delegate* unmanaged<int, int, char*, nint, nint*, int>)NativeLibrary.GetExport(library, "CoreCLRCreateCordbObjectEx"))(LatestVersion, pid, null, BaseOf(pid, "libcoreclr.so"), &debug), "create");
        Check(((delegate* unmanaged<nint, int>)Slot(debug, 3))(debug), "initialize");
        Check(((delegate* unmanaged<nint, nint, int>)Slot(debug, 5))(debug, Callback()), "set handler");
        nint process = 0;
        Check(((delegate* unmanaged<nint, int, int, nint*, int>)Slot(debug, 8))(debug, pid, 0, &process), "attach");
        Thread.Sleep(milliseconds);
        Console.WriteLine($"attached, {(Volatile.Read(ref s_events) > 0 ? "told what there is" : "told nothing")}");

        Check(((delegate* unmanaged<nint, int, int>)Slot(process, 3))(process, 0), "stop");
        PrintThreads(process);
        Check(((delegate* unmanaged<nint, int, int>)Slot(process, 4))(process, 0), "continue");
        Thread.Sleep(milliseconds);
        Check(((delegate* unmanaged<nint, int, int>)Slot(process, 3))(process, 0), "stop");
        Check(((delegate* unmanaged<nint, int>)Slot(process, 9))(process), "detach");
        Check(((delegate* unmanaged<nint, int>)Slot(debug, 4))(debug), "terminate");
        Console.WriteLine(Volatile.Read(ref s_exited) == 0 ? "detached" : "it exited meanwhile");
        return 0;
    }

    private static void PrintThreads(nint process)
    {
        nint threads = 0;
        Check(((delegate* unmanaged<nint, nint*, int>)Slot(process, 7))(process, &threads), "threads");
        nint thread = 0;
        uint got = 0;
        int count = 0;
        SortedDictionary<string, int> frames = new(StringComparer.Ordinal);
        while (((delegate* unmanaged<nint, uint, nint*, uint*, int>)Slot(threads, 7))(threads, 1, &thread, &got) >= 0 && got == 1)
        {
            count++;
            WalkStack(thread, frames);
        }

        Console.WriteLine($"threads {count}");
        foreach ((string module, int times) in frames)
        {
            Console.WriteLine($"frames {module} {times}");
        }
    }

    private static void WalkStack(nint thread, SortedDictionary<string, int> frames)
    {
        nint thread3 = 0, walk = 0;
        Guid iid = s_thread3;
        Check(((delegate* unmanaged<nint, Guid*, nint*, int>)Slot(thread, 0))(thread, &iid, &thread3), "thread");
        Check(((delegate* unmanaged<nint, nint*, int>)Slot(thread3, 3))(thread3, &walk), "walk");
        char* name = stackalloc char[1024];
        do
        {
            nint frame = 0, function = 0, module = 0;
            if (((delegate* unmanaged<nint, nint*, int>)Slot(walk, 6))(walk, &frame) == 0 && frame != 0
                && ((delegate* unmanaged<nint, nint*, int>)Slot(frame, 5))(frame, &function) == 0
                && ((delegate* unmanaged<nint, nint*, int>)Slot(function, 3))(function, &module) == 0)
            {
                uint length = 0;
                Check(((delegate* unmanaged<nint, uint, uint*, char*, int>)Slot(module, 6))(module, 1024, &length, name), "name");
                string file = Path.GetFileName(new string(name));
                frames[file] = frames.GetValueOrDefault(file) + 1;
            }
        }
        while (((delegate* unmanaged<nint, int>)Slot(walk, 5))(walk) is >= 0 and not EndOfStack);
    }

    // ICorDebugManagedCallback has 26 functions and ICorDebugManagedCallback2 8, and all mean "continue" here, but for the process's
    // exit. On Unix the caller removes the arguments, so one function can stand for all.
    private static nint Callback()
    {
        for (int i = 0; i < 2; i++)
        {
            nint* table = (nint*)NativeMemory.AllocZeroed(29, (nuint)sizeof(nint));
            table[0] = (nint)(delegate* unmanaged<nint, Guid*, nint*, int>)&QueryInterface;
            table[1] = table[2] = (nint)(delegate* unmanaged<nint, int>)&Count;
            for (int slot = 3; slot < 29; slot++)
            {
                table[slot] = (nint)(delegate* unmanaged<nint, nint, int>)&OnEvent;
            }

            s_interfaces[i] = (nint)table;
        }

        ((nint*)s_interfaces[0])[3 + 7] = (nint)(delegate* unmanaged<nint, nint, int>)&OnExit;
        return (nint)s_interfaces;
    }

    [UnmanagedCallersOnly]
    private static int QueryInterface(nint self, Guid* iid, nint* result)
    {
        *result = *iid == s_callback || *iid == s_unknown ? (nint)s_interfaces : *iid == s_callback2 ? (nint)(s_interfaces + 1) : 0;
        return *result == 0 ? unchecked((int)0x80004002) : 0;
    }

    [UnmanagedCallersOnly]
    private static int Count(nint self) => 1;

    // The first argument is a process or an application domain, which are both controllers. All but one: see OnExit.
    [UnmanagedCallersOnly]
    private static int OnEvent(nint self, nint controller)
    {
        Interlocked.Increment(ref s_events);
        return ((delegate* unmanaged<nint, int, int>)Slot(controller, 4))(controller, 0);
    }

    [UnmanagedCallersOnly]
    private static int OnExit(nint self, nint process)
    {
        Volatile.Write(ref s_exited, 1);
        return 0;
    }

    private static nint Slot(nint instance, int index) => (*(nint**)instance)[index];

    private static nint BaseOf(int pid, string library)
    {
        string line = File.ReadLines($"/proc/{pid}/maps").First(line => line.EndsWith('/' + library, StringComparison.Ordinal));
        return nint.Parse(line[..line.IndexOf('-')], System.Globalization.NumberStyles.HexNumber);
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"{what}: 0x{result:x8}");
        }
    }
}
