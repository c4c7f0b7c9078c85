// Class constructors that loop, call, wait for each other across threads; a module initializer; lazy statics.
using System.Runtime.CompilerServices;

static class Start
{
    public static string Order = "";
    [ModuleInitializer]
    internal static void Init()
    {
        for (int i = 0; i < 3; i++) { Order += $"m{i} "; }
    }
}

class A
{
    public static readonly int X;
    static A()
    {
        int sum = 0;
        for (int i = 0; i < 100_000; i++) { sum += i % 7; }
        Console.WriteLine($"A begins, B.Y is {B.Y}");
        X = sum + B.Y;
    }
}

class B
{
    public static readonly int Y;
    static B()
    {
        Console.WriteLine($"B sees A.X {A.X}");
        Y = Recurse(50);
    }
    static int Recurse(int n) => n == 0 ? 1 : Recurse(n - 1) + 1;
}

class Slow
{
    public static readonly long Value;
    public static int Entered;
    static Slow()
    {
        Entered++;
        long v = 1;
        for (int i = 0; i < 3_000_000; i++) { v = v * 31 + i; }
        Value = v;
    }
}

class Generic<T>
{
    public static readonly string Name = Make();
    static string Make()
    {
        string s = "";
        foreach (char c in typeof(T).Name) { s = c + s; }
        return s;
    }
}

class Beforefield
{
    public static readonly int[] Squares = Enumerable.Range(0, 10).Select(i => i * i).ToArray();
    public static readonly Lazy<int> Sum = new(() => { int s = 0; foreach (int x in Squares) { s += x; } return s; });
}

class Parallelly
{
    public static readonly int Total;
    static Parallelly()
    {
        int total = 0;
        // The lambdas live in a class of their own, so the tasks do not wait for this class constructor.
        for (int i = 0; i < 10; i++) { int k = i; total += Task.Run(() => Elsewhere.Spin(k)).Result; }
        Total = total;
    }
}

static class Elsewhere
{
    public static int Spin(int i) { int s = 0; for (int k = 0; k < 1000; k++) { s += k & i; } return s; }
}

class Program
{
    static int Main()
    {
        Console.WriteLine(Start.Order);
        Console.WriteLine($"{A.X} {B.Y}");
        Thread[] threads = Enumerable.Range(0, 6).Select(_ => new Thread(() => { if (Slow.Value == 0) { Console.WriteLine("half built"); } })).ToArray();
        foreach (Thread t in threads) { t.Start(); }
        foreach (Thread t in threads) { t.Join(); }
        Console.WriteLine($"{Slow.Value} entered {Slow.Entered}");
        Console.WriteLine($"{Generic<int>.Name} {Generic<string>.Name} {Generic<List<int>>.Name}");
        Console.WriteLine($"{Beforefield.Sum.Value} {string.Join(",", Beforefield.Squares)}");
        Console.WriteLine(Parallelly.Total);
        RuntimeHelpers.RunClassConstructor(typeof(Elsewhere).TypeHandle);
        return 0;
    }
}
