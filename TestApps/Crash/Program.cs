// The ways a program ends badly; which one is chosen by the first argument.
class Program
{
    static int Main(string[] args)
    {
        Console.WriteLine($"mode {args[0]}");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Console.WriteLine("process exit ran");
        switch (args[0])
        {
            case "main": Recurse(3); break;
            case "thread":
                Thread t = new(() => Recurse(2));
                t.Start();
                t.Join();
                break;
            case "pool":
                ThreadPool.QueueUserWorkItem(_ => Recurse(1));
                Thread.Sleep(Timeout.Infinite);
                break;
            case "inner":
                try { Recurse(1); }
                catch (Exception e) { throw new ApplicationException("wrapped", e); }
                break;
            case "handler":
                AppDomain.CurrentDomain.UnhandledException += (_, e) => Console.WriteLine($"handler saw {((Exception)e.ExceptionObject).Message}, terminating {e.IsTerminating}");
                Recurse(0);
                break;
            case "finally":
                try { Recurse(1); }
                finally { Console.WriteLine("finally of a crashing program"); }
                break;
            case "failfast": Environment.FailFast("wanted fail-fast"); break;
            case "failfastinner": Environment.FailFast("wanted fail-fast", new Exception("its reason")); break;
            case "exit": Deeper(() => Environment.Exit(11)); break;
            case "exitthread":
                new Thread(() => Environment.Exit(12)).Start();
                Thread.Sleep(Timeout.Infinite);
                break;
            case "exitloop":
                new Thread(() => { while (true) { Spin(); } }).Start();
                Environment.Exit(13);
                break;
            case "exitcode": Environment.ExitCode = 14; return 15;
            case "background":
                new Thread(() => { while (true) { Spin(); } }) { IsBackground = true }.Start();
                return 16;
            case "foreground":
                new Thread(() => { Thread.Sleep(50); Console.WriteLine("a foreground thread outlives main"); }).Start();
                return 17;
            case "async": Fail().GetAwaiter().GetResult(); break;
            case "asyncvoid": FailVoid(); Thread.Sleep(Timeout.Infinite); break;
            case "unobserved": _ = Task.Run(() => Recurse(0)); Thread.Sleep(20); GC.Collect(); return 18;
            case "cctor": Console.WriteLine(Bad.Value); break;
            case "negative": return -1;
        }
        return 0;
    }

    static long s_spin;
    static void Spin() => s_spin++;

    static void Deeper(Action action) { foreach (int _ in new[] { 1 }) { action(); } }

    static void Recurse(int n)
    {
        for (int i = 0; i < 10; i++)
        {
            if (n == 0 && i == 5)
            {
                throw new InvalidOperationException("wanted crash");
            }
        }
        Recurse(n - 1);
    }

    static async Task Fail()
    {
        await Task.Delay(1);
        Recurse(1);
    }

    static async void FailVoid()
    {
        await Task.Yield();
        Recurse(0);
    }
}

class Bad
{
    public static int Value = int.Parse("not a number");
}
