// Calls into libc and back: qsort with delegates and UnmanagedCallersOnly, errno, structs, strings, callbacks that throw inside.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

unsafe class Program
{
    [DllImport("libc", EntryPoint = "qsort")]
    static extern void QSort(int* data, nint count, nint size, delegate* unmanaged[Cdecl]<int*, int*, int> compare);

    [DllImport("libc", EntryPoint = "qsort")]
    static extern void QSortDelegate(int* data, nint count, nint size, Compare compare);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    delegate int Compare(int* a, int* b);

    [DllImport("libc", EntryPoint = "strlen")]
    static extern nint StrLen([MarshalAs(UnmanagedType.LPUTF8Str)] string text);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    static extern int Close(int fd);

    [DllImport("libc", EntryPoint = "getpid")]
    static extern int GetPid();

    [DllImport("libc", EntryPoint = "div")]
    static extern DivResult Div(int a, int b);

    [DllImport("libc", EntryPoint = "nosuchfunction")]
    static extern void NoSuch();

    [StructLayout(LayoutKind.Sequential)]
    struct DivResult { public int Quot, Rem; }

    static int s_calls;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static int CompareInts(int* a, int* b)
    {
        int weight = 0;
        for (int i = 0; i < 4; i++) { weight += i; }
        s_calls += weight / 6;
        try
        {
            if (*a == 500) { throw new Exception("inside a callback"); }
        }
        catch (Exception) { s_calls += 0; }
        return (*a).CompareTo(*b);
    }

    static int Main()
    {
        int[] data = Numbers(2000);
        fixed (int* p = data) { QSort(p, data.Length, 4, &CompareInts); }
        Console.WriteLine($"sorted {IsSorted(data)}, called back {s_calls > 2000}");

        int managed = 0;
        Compare compare = (a, b) =>
        {
            for (int i = 0; i < 3; i++) { managed++; }
            return (*b).CompareTo(*a);
        };
        data = Numbers(2000);
        fixed (int* p = data) { QSortDelegate(p, data.Length, 4, compare); }
        Array.Reverse(data);
        GC.KeepAlive(compare);
        Console.WriteLine($"reversed {IsSorted(data)}, called back {managed > 6000}");

        Console.WriteLine(StrLen("héllo"));
        Console.WriteLine($"{Close(-1)} {Marshal.GetLastPInvokeError()}");
        Console.WriteLine(GetPid() == Environment.ProcessId);
        DivResult d = Div(17, 5);
        Console.WriteLine($"{d.Quot} {d.Rem}");
        try { NoSuch(); }
        catch (EntryPointNotFoundException) { Console.WriteLine("no such function"); }

        // The same from several threads at once, so that callbacks run on threads in the middle of preemption.
        int good = 0;
        Parallel.For(0, 16, i =>
        {
            int[] mine = Numbers(500 + i);
            fixed (int* p = mine) { QSort(p, mine.Length, 4, &CompareInts); }
            if (IsSorted(mine)) { Interlocked.Increment(ref good); }
        });
        Console.WriteLine($"parallel {good}");

        nint memory = Marshal.AllocHGlobal(1000);
        Span<byte> bytes = new((void*)memory, 1000);
        for (int i = 0; i < bytes.Length; i++) { bytes[i] = (byte)i; }
        Console.WriteLine(Marshal.ReadByte(memory, 300));
        Marshal.FreeHGlobal(memory);
        nint self = NativeLibrary.GetMainProgramHandle();
        Console.WriteLine(NativeLibrary.TryGetExport(NativeLibrary.Load("libc.so.6"), "abs", out nint abs));
        Console.WriteLine(((delegate* unmanaged[Cdecl]<int, int>)abs)(-5));
        return 0;
    }

    static int[] Numbers(int n)
    {
        int[] data = new int[n];
        uint x = 42;
        for (int i = 0; i < n; i++) { x = x * 1664525 + 1013904223; data[i] = (int)(x >> 16) % 1000; }
        return data;
    }

    static bool IsSorted(int[] data)
    {
        for (int i = 1; i < data.Length; i++) { if (data[i - 1] > data[i]) { return false; } }
        return true;
    }
}
