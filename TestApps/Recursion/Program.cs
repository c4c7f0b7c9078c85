// Runaway recursion. Plain .NET dies of each of these; hosted, the program's own catch runs and it goes on.
class Program
{
    static int s_depth;

    static int Main(string[] args)
    {
        string[] kinds = args.Length > 0 ? args : ["simple", "mutual", "virtual", "lambda", "finally", "again"];
        foreach (string kind in kinds)
        {
            s_depth = 0;
            try
            {
                switch (kind)
                {
                    case "simple": case "again": Simple(0); break;
                    case "mutual": Even(1); break;
                    case "virtual": new Derived().Call(new Derived()); break;
                    case "lambda":
                        Func<int, int> f = null;
                        f = n => { s_depth++; return f(n + 1) + 1; };
                        f(0);
                        break;
                    case "finally": Finally(); break;
                    case "thread":
                        string seen = "nothing";
                        Thread t = new(() =>
                        {
                            try { Simple(0); }
                            catch (InsufficientExecutionStackException) { seen = "caught on a thread"; }
                        });
                        t.Start();
                        t.Join();
                        Console.WriteLine(seen);
                        continue;
                    case "uncaught": Simple(0); break;
                }
                Console.WriteLine("never");
            }
            catch (InsufficientExecutionStackException) when (kind != "uncaught")
            {
                Console.WriteLine($"{kind} caught, deeper than 1000: {s_depth > 1000}");
            }
        }
        return 0;
    }

    static int Simple(int n) { s_depth++; return Simple(n + 1) + n; }
    static int Even(int n) { s_depth++; return Odd(n + 1) + 1; }
    static int Odd(int n) => Even(n + 1) + 2;

    class Base { public virtual int Call(Base other) { s_depth++; return other.Call(this) + 1; } }
    class Derived : Base { public override int Call(Base other) => base.Call(other) + 1; }

    static int Finally()
    {
        try { return Finally() + 1; }
        finally { s_depth++; }
    }
}
