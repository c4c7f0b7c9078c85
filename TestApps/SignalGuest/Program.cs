// A guest that has dealings with signals itself, while goroutines that pass no check are stopped by signals all the time.
// Usage: SignalGuest urg|onstack|child|native|foreign|plain|dump-me|until FILE. The output is the same under plain dotnet.
using System.Diagnostics;
using System.Runtime.InteropServices;
using ILPreempt.Runtime;

[assembly: DoNotWeave]

unsafe class Program
{
    const int SigUrg = 23;
    const int SaOnStack = 0x08000000;

    static volatile bool s_stop;
    static readonly long[] s_counts = new long[3 * 16];

    static int Main(string[] args)
    {
        using CountdownEvent ended = new(3);
        for (int i = 0; i < 3; i++)
        {
            int k = i;
            Goroutine.Start(() =>
            {
                Spin(ref s_counts[k * 16]);
                ended.Signal();
            });
        }

        switch (args[0])
        {
            case "urg":
                Urg();
                break;
            case "onstack":
                OnStack();
                break;
            case "child":
                Child();
                break;
            case "native":
                NativeWaits();
                break;
            case "foreign":
                Foreign();
                break;
            case "dump-me":
                // Ready once each has had a turn, so that the others are stopped.
                while (Volatile.Read(ref s_counts[0]) == 0 || Volatile.Read(ref s_counts[16]) == 0 || Volatile.Read(ref s_counts[32]) == 0)
                {
                    Thread.Sleep(1);
                }

                Console.WriteLine($"ready {Environment.ProcessId}");
                Thread.Sleep(Timeout.Infinite);
                break;
            case "until":
                Console.WriteLine($"ready {Environment.ProcessId}");
                while (!File.Exists(args[1]))
                {
                    Thread.Sleep(1);
                }

                break;
            case "plain":
                Thread.Sleep(1500);
                break;
        }

        s_stop = true;
        ended.Wait();
        Console.WriteLine("all ran: " + (s_counts[0] > 0 && s_counts[16] > 0 && s_counts[32] > 0));
        return 0;
    }

    static void Spin(ref long count)
    {
        while (!s_stop)
        {
            Volatile.Write(ref count, count + 1);
        }
    }

    // The program's own handler gets its signals, and only those.
    static void Urg()
    {
        int handled = 0;
        using PosixSignalRegistration registration = PosixSignalRegistration.Create((PosixSignal)SigUrg, _ => Interlocked.Increment(ref handled));
        for (int i = 1; i <= 5; i++)
        {
            kill(Environment.ProcessId, SigUrg);
            SpinWait.SpinUntil(() => Volatile.Read(ref handled) >= i);
        }

        Thread.Sleep(500);
        Console.WriteLine($"handled {handled}");
    }

    // What a Go library in the process does: every handler is installed again with SA_ONSTACK.
    static void OnStack()
    {
        byte* action = stackalloc byte[152];
        int* flags = (int*)(action + 136);
        if (sigaction(SigUrg, null, action) == 0 && *(nint*)action > 1)
        {
            *flags |= SaOnStack;
            sigaction(SigUrg, action, null);
        }

        Thread.Sleep(1500);
        Console.WriteLine("alive");
    }

    // A child starts with no signal blocked, ignored or caught by us.
    static void Child()
    {
        for (int i = 0; i < 20; i++)
        {
            using Process child = Process.Start(new ProcessStartInfo("/bin/grep", ["Sig[BIC]", "/proc/self/status"]) { RedirectStandardOutput = true })!;
            string text = child.StandardOutput.ReadToEnd();
            child.WaitForExit();
            if (i == 0)
            {
                Console.Write(text);
            }
        }
    }

    // Native code that a signal must not interrupt.
    static void NativeWaits()
    {
        int broken = 0;
        using CountdownEvent ended = new(2);
        for (int k = 0; k < 2; k++)
        {
            Goroutine.Start(() =>
            {
                for (int i = 0; i < 100; i++)
                {
                    long* time = stackalloc long[2];
                    time[1] = 5_000_000;
                    if (nanosleep(time, null) != 0)
                    {
                        Interlocked.Increment(ref broken);
                    }

                    if (poll(null, 0, 5) != 0)
                    {
                        Interlocked.Increment(ref broken);
                    }
                }

                ended.Signal();
            });
        }

        ended.Wait();
        Console.WriteLine($"broken off: {broken}");
    }

    // Code that another JIT compiler might have made, called so that the runtime takes the thread for one that runs managed code.
    static void Foreign()
    {
        // mov rax, rdi; again: dec rax; jnz again; mov rax, rdi; ret
        ReadOnlySpan<byte> code = [0x48, 0x89, 0xf8, 0x48, 0xff, 0xc8, 0x75, 0xfb, 0x48, 0x89, 0xf8, 0xc3];
        void* memory = mmap(null, 4096, 7, 0x22, -1, 0);
        code.CopyTo(new Span<byte>(memory, code.Length));
        delegate* unmanaged[SuppressGCTransition]<long, long> count = (delegate* unmanaged[SuppressGCTransition]<long, long>)memory;
        long time = Stopwatch.GetTimestamp();
        bool right = true;
        while (Stopwatch.GetElapsedTime(time).TotalSeconds < 1.5)
        {
            right &= count(10_000_000) == 10_000_000;
        }

        Console.WriteLine("counted right: " + right);
    }

    [DllImport("libc")]
    static extern void* mmap(void* at, nint length, int protection, int flags, int file, nint offset);

    [DllImport("libc")]
    static extern int kill(int pid, int signal);

    [DllImport("libc")]
    static extern int sigaction(int signal, byte* action, byte* before);

    [DllImport("libc")]
    static extern int nanosleep(long* time, long* left);

    [DllImport("libc")]
    static extern int poll(void* files, nint count, int milliseconds);
}
