using System.Collections;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// One scenario per run, named by the first argument. Whatever is printed must be the same under plain dotnet and hosted.
static class Program
{
    static int Main(string[] args)
    {
        switch (args.Length == 0 ? "identity" : args[0])
        {
            case "exit": return int.Parse(args[1]);
            case "environment-exit": Environment.Exit(int.Parse(args[1])); return 0;
            case "throw": return Deep(3);
            case "throw-on-thread": return ThrowOnThread();
            case "fail-fast": Environment.FailFast("on purpose"); return 0;
            case "identity": return Identity();
            case "environment": return PrintEnvironment();
            case "arguments": return Print(Environment.GetCommandLineArgs());
            case "properties": return Properties();
            case "stdin": return Echo();
            case "resources": return Resources();
            case "culture": return Culture();
            case "native": Console.WriteLine(Native.cos(0)); return 0;
            case "process-exit": return OnProcessExit();
            case "wait-for-signal": return WaitForSignal(args[1]);
            case "cancel-key": return CancelKey();
            case "threads": return Threads();
            case "limits": return Limits();
            case "recurse": return Recurse();
            case "assemblies": return Assemblies();
            case "children": return Children(args[1..]);
            case "files": return Files();
            case "handles": return Handles();
            case "big-frames": Console.WriteLine(BigFrames(int.Parse(args[1]))); return 0;
            default: Console.Error.WriteLine("no such scenario"); return 99;
        }
    }

    static int Deep(int n)
    {
        if (n == 0)
        {
            throw new InvalidOperationException("thrown on purpose");
        }

        int result = Deep(n - 1);
        return result + 1;
    }

    static int ThrowOnThread()
    {
        Thread t = new(() => Deep(2));
        t.Start();
        t.Join();
        Thread.Sleep(10_000);
        return 0;
    }

    static int Identity()
    {
        Assembly entry = Assembly.GetEntryAssembly();
        Console.WriteLine($"entry {entry.FullName}");
        Console.WriteLine($"location {entry.Location}");
        Console.WriteLine($"this {typeof(Program).Assembly.Location}");
        Console.WriteLine($"module {typeof(Program).Module.FullyQualifiedName}");
        Console.WriteLine($"base {AppContext.BaseDirectory}");
        Console.WriteLine($"domain base {AppDomain.CurrentDomain.BaseDirectory}");
        Console.WriteLine($"friendly {AppDomain.CurrentDomain.FriendlyName}");
        Console.WriteLine($"framework {AppContext.TargetFrameworkName}");
        Console.WriteLine($"current {Environment.CurrentDirectory}");
        Console.WriteLine($"process path {Environment.ProcessPath}");
        Console.WriteLine($"name {Process.GetCurrentProcess().ProcessName}");
        Console.WriteLine($"thread {Environment.CurrentManagedThreadId} {Thread.CurrentThread.Name} {Thread.CurrentThread.IsBackground} {Thread.CurrentThread.IsThreadPoolThread} {Thread.CurrentThread.GetApartmentState()}");
        Console.WriteLine($"context {SynchronizationContext.Current?.ToString() ?? "none"}");
        Console.WriteLine($"data {File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "data.txt")).Trim()}");
        return 0;
    }

    static int PrintEnvironment()
    {
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().OrderBy(e => (string)e.Key, StringComparer.Ordinal))
        {
            if ((string)entry.Key != "_")
            {
                Console.WriteLine($"{entry.Key}={entry.Value}");
            }
        }

        // The real environment, which native code and its children see, is another copy.
        ProcessStartInfo info = new("/bin/sh", ["-c", "tr '\\0' '\\n' < /proc/$PPID/environ | grep -c ILPREEMPT_LAUNCH; env | grep '^ILPREEMPT_'; ulimit -s; grep SigIgn /proc/self/status"]) { RedirectStandardOutput = true };
        string text = Process.Start(info).StandardOutput.ReadToEnd();
        Console.WriteLine(text[(text.IndexOf('\n') + 1)..]);
        return 0;
    }

    static int Print(string[] lines)
    {
        foreach (string line in lines)
        {
            Console.WriteLine("[" + line + "]");
        }

        return 0;
    }

    static int Properties()
    {
        Console.WriteLine(AppContext.GetData("HostProbe.Setting"));
        Console.WriteLine(AppContext.GetData("STARTUP_HOOKS") ?? "no hooks");
        Console.WriteLine(AppContext.GetData("ILPreempt.Launch") ?? "nothing");
        Console.WriteLine(System.Runtime.GCSettings.IsServerGC);
        Console.WriteLine(RuntimeInformation.FrameworkDescription);
        return 0;
    }

    static int Echo()
    {
        int n = 0;
        while (Console.ReadLine() is { } line)
        {
            Console.WriteLine($"{++n}: {line}");
        }

        return n;
    }

    static int Resources()
    {
        using Stream stream = typeof(Program).Assembly.GetManifestResourceStream("Greeting.txt");
        Console.Write(new StreamReader(stream).ReadToEnd());
        return 0;
    }

    static int Culture()
    {
        System.Resources.ResourceManager strings = new("HostProbe.Strings", typeof(Program).Assembly);
        foreach (string culture in new[] { "", "de", "de-AT", "fr" })
        {
            Console.WriteLine(strings.GetString("Word", new System.Globalization.CultureInfo(culture)));
        }

        return 0;
    }

    static class Native
    {
        [DllImport("probenative")]
        public static extern double cos(double x);
    }

    static int OnProcessExit()
    {
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Console.WriteLine("exiting");
        AppDomain.CurrentDomain.UnhandledException += (_, e) => Console.WriteLine("unhandled " + e.ExceptionObject.GetType());
        Console.WriteLine("main ends");
        return 4;
    }

    static int WaitForSignal(string how)
    {
        using ManualResetEventSlim done = new();
        if (how == "handled")
        {
            using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => { c.Cancel = true; Console.WriteLine("got " + c.Signal); done.Set(); });
            Console.WriteLine("ready");
            done.Wait();
            return 5;
        }

        AppDomain.CurrentDomain.ProcessExit += (_, _) => Console.WriteLine("exiting");
        Console.WriteLine("ready");
        done.Wait();
        return 6;
    }

    static int CancelKey()
    {
        using ManualResetEventSlim done = new();
        Console.CancelKeyPress += (_, e) => { e.Cancel = true; Console.WriteLine("cancelled by " + e.SpecialKey); done.Set(); };
        Console.WriteLine("ready");
        done.Wait();
        return 7;
    }

    static int Threads()
    {
        int sum = 0;
        Thread[] threads = new Thread[50];
        for (int i = 0; i < threads.Length; i++)
        {
            int n = i;
            threads[i] = new Thread(() => { Thread.Sleep(1); Interlocked.Add(ref sum, n); });
            threads[i].Start();
        }

        foreach (Thread t in threads)
        {
            t.Join();
        }

        Console.WriteLine(sum);
        return 0;
    }

    // What a child sees of the limits.
    static int Limits()
    {
        ProcessStartInfo info = new("/bin/sh", ["-c", "ulimit -s"]) { RedirectStandardOutput = true };
        Console.Write(Process.Start(info).StandardOutput.ReadToEnd());
        return 0;
    }

    static int Recurse()
    {
        try
        {
            Console.WriteLine(Down(1) > 0);
        }
        catch (InsufficientExecutionStackException)
        {
            Console.WriteLine("caught");
        }

        return 0;
    }

    static int Down(int n)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return Down(n + 1) + 1;
    }

    static unsafe int BigFrames(int megabytes)
    {
        byte* frame = stackalloc byte[1 << 20];
        frame[0] = 1;
        return megabytes <= 1 ? frame[0] : BigFrames(megabytes - 1) + frame[0];
    }

    static int Assemblies()
    {
        foreach (string name in AppDomain.CurrentDomain.GetAssemblies().Select(a => a.GetName().Name).Where(n => !n.StartsWith("System.") && n != "netstandard").Order())
        {
            Console.WriteLine(name);
        }

        return 0;
    }

    static int Children(string[] args)
    {
        ProcessStartInfo info = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", args) { RedirectStandardOutput = true };
        using Process child = Process.Start(info);
        Console.Write(child.StandardOutput.ReadToEnd());
        child.WaitForExit();
        return child.ExitCode;
    }

    static int Files()
    {
        foreach (string name in Directory.GetFiles(AppContext.BaseDirectory).Select(Path.GetFileName).Order())
        {
            Console.WriteLine(name);
        }

        return 0;
    }

    static int Handles()
    {
        // Names of what is open beyond the runtime's own: pipes and sockets have numbers in theirs.
        foreach (string link in Directory.GetFiles("/proc/self/fd").Select(f => new FileInfo(f).LinkTarget ?? "").Where(t => t.StartsWith("/") && !t.StartsWith("/dev") && !t.StartsWith("/memfd") && !t.EndsWith(".dll")).Order())
        {
            Console.WriteLine(link);
        }

        return 0;
    }
}
