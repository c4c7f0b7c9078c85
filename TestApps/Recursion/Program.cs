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
                        f = n => Pad(stackalloc byte[1000]) + f(n + 1) + 1;
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
                    case "tiny": Tiny(0); break;
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

    // A frame of some size, so that the way back through all of them is not too long.
    static int Pad(Span<byte> pad) => pad[^1] = (byte)++s_depth;

    static int Tiny(int n) { s_depth++; return Tiny(n + 1) + n; }
    static int Simple(int n) => Pad(stackalloc byte[1000]) + Simple(n + 1) + n;
    static int Even(int n) => Pad(stackalloc byte[1000]) + Odd(n + 1) + 1;
    static int Odd(int n) => Even(n + 1) + 2;

    class Base { public virtual int Call(Base other) { s_depth++; return other.Call(this) + 1; } }
    class Derived : Base { public override int Call(Base other) => Pad(stackalloc byte[1000]) + base.Call(other) + 1; }

    static int Finally()
    {
        Span<byte> pad = stackalloc byte[1000];
        try { return Pad(pad) + Finally() + 1; }
        finally { s_depth++; }
    }
}
