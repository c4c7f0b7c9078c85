// Generics in all shapes, spans and ref structs, stackalloc, function pointers, explicit layout, tail ends of C#.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

interface IShape<TSelf> where TSelf : IShape<TSelf>
{
    static abstract TSelf Create(int n);
    static virtual string Kind => typeof(TSelf).Name;
    int Area { get; }
    int Loop() { int s = 0; for (int i = 0; i < Area; i++) { s += i; } return s; }
}

struct Square(int n) : IShape<Square>
{
    public static Square Create(int n) => new(n);
    public int Area => n * n;
}

class Line : IShape<Line>
{
    int _n;
    public static Line Create(int n) => new() { _n = n };
    static string IShape<Line>.Kind => "a line";
    public int Area => _n;
}

abstract class Visitor
{
    public abstract string Visit<T>(T value);
}

class Names : Visitor
{
    public override string Visit<T>(T value)
    {
        string s = "";
        for (int i = 0; i < 2; i++) { s += typeof(T).Name + "=" + value + ";"; }
        return s;
    }
}

class Nested<T>
{
    public static int Count;
    public class Inner<U>
    {
        public string Describe<V>() where V : new()
        {
            Count++;
            for (int i = 0; ; i++) { if (i == 3) { return $"{typeof(T).Name} {typeof(U).Name} {typeof(V).Name}"; } }
        }
    }
    public static U Recurse<U>(int n, U u) => n == 0 ? u : Nested<T[]>.Recurse(n - 1, u);
}

ref struct Reader(ReadOnlySpan<char> text)
{
    ReadOnlySpan<char> _rest = text;
    public ref readonly char First => ref _rest[0];
    public bool Next(out ReadOnlySpan<char> word)
    {
        while (_rest.Length > 0 && _rest[0] == ' ') { _rest = _rest[1..]; }
        int n = 0;
        while (n < _rest.Length && _rest[n] != ' ') { n++; }
        word = _rest[..n];
        _rest = _rest[n..];
        return n > 0;
    }
}

[StructLayout(LayoutKind.Explicit)]
struct Union
{
    [FieldOffset(0)] public double D;
    [FieldOffset(0)] public long L;
    [FieldOffset(4)] public int High;
}

[InlineArray(8)]
struct Eight { int _e; }

unsafe class Program
{
    static T Sum<T>(IEnumerable<T> items) where T : INumber<T>
    {
        T sum = T.Zero;
        foreach (T t in items) { sum += t; }
        return sum;
    }

    static string Make<T>(int n) where T : IShape<T> => $"{T.Kind} {T.Create(n).Area} {T.Create(n).Loop()}";

    static ref int Largest(Span<int> span)
    {
        ref int best = ref span[0];
        for (int i = 1; i < span.Length; i++) { if (span[i] > best) { best = ref span[i]; } }
        return ref best;
    }

    static int Twice(int x) => 2 * x;
    static void Fill(Span<int> s, in int by, out int last) { for (int i = 0; i < s.Length; i++) { s[i] = i * by; } last = s[^1]; }
    static int Params(params ReadOnlySpan<int> xs) { int s = 0; foreach (int x in xs) { s += x; } return s; }

    static void Main()
    {
        Console.WriteLine($"{Sum([1, 2, 3])} {Sum([1.5, 2.5])} {Sum<BigInteger>([1, 2])} {Sum<decimal>([1.1m, 2])}");
        Console.WriteLine($"{Make<Square>(5)} | {Make<Line>(6)}");
        Visitor v = new Names();
        Console.WriteLine(v.Visit(1) + v.Visit("s") + v.Visit(new List<int>()) + v.Visit((1, 'c')));
        Console.WriteLine(new Nested<string>.Inner<int>().Describe<object>() + " " + new Nested<object>.Inner<string>().Describe<DateTime>());
        Console.WriteLine($"{Nested<string>.Count} {Nested<object>.Count} {Nested<int>.Recurse(10, "deep")}");

        Reader reader = new("the quick brown fox");
        int words = 0, letters = 0;
        while (reader.Next(out ReadOnlySpan<char> word)) { words++; letters += word.Length; }
        Console.WriteLine($"{words} {letters}");

        Span<int> stack = stackalloc int[64];
        Fill(stack, 3, out int last);
        Largest(stack) = -1;
        Console.WriteLine($"{last} {stack[63]} {stack[..10].ToArray().Sum()}");
        long total = 0;
        for (int round = 0; round < 100; round++)
        {
            total += Scratch(round);
        }
        Console.WriteLine(total);

        delegate*<int, int> f = &Twice;
        Func<int, int> g = x => f(f(x));
        delegate*<int, int>[] table = [&Twice, f];
        int via = 1;
        for (int i = 0; i < 10; i++) { via = table[i & 1](via); }
        Console.WriteLine($"{g(5)} {via}");

        Union u = new() { D = 1.0 };
        Console.WriteLine($"{u.L:x} {u.High:x}");
        Eight eight = default;
        for (int i = 0; i < 8; i++) { eight[i] = i * i; }
        int inline = 0;
        foreach (int x in eight) { inline += x; }
        Console.WriteLine($"{inline} {Params(1, 2, 3, 4)} {Unsafe.SizeOf<Eight>()}");

        int[] array = [5, 3, 9, 1];
        fixed (int* p = array)
        {
            int sum = 0;
            for (int* q = p; q < p + array.Length; q++) { sum = sum * 10 + *q; }
            Console.WriteLine(sum);
        }
        TypedReference reference = __makeref(array);
        Console.WriteLine(__refvalue(reference, int[]).Length);
        try { Arguments(); }
        catch (InvalidProgramException e) { Console.WriteLine(e.Message); }

        var tuple = (a: 1, b: "x", c: (d: 2.5, e: 'q'));
        Console.WriteLine($"{tuple} {tuple.c.e} {(1, 2) == (1, 2)}");
        int? maybe = null;
        Console.WriteLine($"{maybe ?? -1} {maybe?.ToString() ?? "null"} {maybe + 1 is null}");
        dynamic d = 5;
        d += 2.5;
        Console.WriteLine($"{d}");
        Func<int, Func<int, int>> curry = a => b => { int s = 0; for (int i = a; i < b; i++) { s += i; } return s; };
        Console.WriteLine(curry(3)(10));
        Console.WriteLine(Enum.GetValues<DayOfWeek>().Max());
        Console.WriteLine(Ackermann(2, 9));
        Covariance();
        Contexts();
    }

    static long Scratch(int n)
    {
        // localloc inside a method with loops, and pinned locals.
        byte* p = stackalloc byte[256 + n];
        for (int i = 0; i < 256 + n; i++) { p[i] = (byte)(i * n); }
        long s = 0;
        fixed (char* c = "pinned text")
        {
            for (int i = 0; c[i] != 0; i++) { s += c[i] + p[i]; }
        }
        return s;
    }

    static string VarArgs(__arglist)
    {
        ArgIterator it = new(__arglist);
        string s = "";
        while (it.GetRemainingCount() > 0)
        {
            s += TypedReference.ToObject(it.GetNextArg()) + " ";
        }
        return s;
    }

    static void Arguments() => Console.WriteLine(VarArgs(__arglist(1, "two", 3.0)));

    static int Ackermann(int m, int n) => m == 0 ? n + 1 : n == 0 ? Ackermann(m - 1, 1) : Ackermann(m - 1, Ackermann(m, n - 1));

    static void Covariance()
    {
        IEnumerable<object> objects = new List<string> { "a", "b" };
        Action<object> write = o => Console.Write($"{o} ");
        Action<string> narrow = write;
        foreach (object o in objects) { narrow((string)o); }
        Console.WriteLine();
        try { object[] array = new string[1]; array[0] = 1; }
        catch (ArrayTypeMismatchException) { Console.WriteLine("mismatch"); }
    }

    static void Contexts()
    {
        object[] shared = [Tuple.Create(1), Lazy<string>("x"), Lazy<int>(3), Lazy<List<string>>(["l"])];
        Console.WriteLine(string.Join(" ", shared.Select(o => o.GetType().GetGenericArguments()[0].Name)));
    }

    static Lazy<T> Lazy<T>(T value)
    {
        Lazy<T> lazy = new(() => { for (int i = 0; i < 3; i++) { if (typeof(T).Name.Length == i) { throw new Exception(); } } return value; });
        _ = lazy.Value;
        return lazy;
    }
}
