using Microsoft.CodeAnalysis;

namespace ILPreempt.Weaver.Tests;

/// <summary>Small programs, original against woven: same result, and checks where work is unbounded.</summary>
public sealed class ProgramTests
{
    /// <summary>Name, body of the class Sample, and the least number of checks a run must meet.</summary>
    public static TheoryData<string, string, int> Samples => new()
    {
        { "counted loop", "public static string Run() { long s = 0; for (int i = 0; i < 50000; i++) s += i; return s.ToString(); }", 4 },
        { "counted down", "public static string Run() { long s = 0; for (int i = 50000; i >= 0; i -= 3) s += i; return s.ToString(); }", 1 },
        { "long counter", "public static string Run() { double s = 0; for (long i = 0; i < 5000; i += 2) s += i * 0.5; return s.ToString(); }", 2 },
        { "argument counter", "static int F(int n) { int s = 0; while (n-- > 0) s += n; return s; } public static string Run() => F(4000).ToString();", 3 },
        { "checked counter", "public static string Run() { int s = 0; checked { for (int i = 0; i < 30000; i++) s ^= i; } return s.ToString(); }", 2 },
        { "byte counter", "public static string Run() { int s = 0; for (byte i = 0; i < 203; i++) s += i; return s.ToString(); }", 50 },
        { "conditional step", "public static string Run() { int s = 0; for (int i = 0; i < 100;) { if ((s & 1) == 0) { i++; } s++; } return s.ToString(); }", 49 },
        { "two steps", "public static string Run() { int s = 0; for (int i = 0; i < 3000; i++) { if (s % 3 == 0) i++; s++; } return s.ToString(); }", 560 },
        { "stepped by reference", "static void Up(ref int i) => i++; public static string Run() { int s = 0; for (int i = 0; i < 53; Up(ref i)) s += i; return s.ToString(); }", 13 },
        { "never ending with break", "public static string Run() { int s = 0, i = 0; while (true) { if (++i > 303) break; s += i * i; } return s.ToString(); }", 75 },
        { "return from within", "static int F(int[] a) { for (int i = 0; i < a.Length; i++) { if (a[i] == 7) return i; } return -1; } public static string Run() { int[] a = new int[30000]; a[25000] = 7; return F(a).ToString(); }", 3 },
        { "exits to two places", "public static string Run() { int r = 0; for (int k = 0; k < 40; k++) { int i = 0; for (;;) { if (i > k) goto A; if (i * i > 200) goto B; i++; } A: r += 1; continue; B: r += 100; } return r.ToString(); }", 40 },
        { "nested loops", "public static string Run() { long s = 0; for (int i = 0; i < 60; i++) for (int j = 0; j < i; j++) { if (((i ^ j) & 3) == 0) continue; for (int k = j; k < 20; k++) s += i * j - k; } return s.ToString(); }", 60 },
        { "float accumulators", "public static string Run() { double a = 0, b = 1; float c = 2; for (int i = 0; i < 40000; i++) { a += b * 0.25; b = a * 0.125 + i; c *= 1.0001f; } return a + \" \" + b + \" \" + c; }", 3 },
        { "spans", "public static string Run() { Span<int> a = stackalloc int[64]; int s = 0; for (int r = 0; r < 50; r++) for (int i = 0; i < a.Length; i++) { a[i] += r * i; s ^= a[i]; } return s.ToString(); }", 50 },
        { "pointers", "public static unsafe string Run() { byte[] d = new byte[5000]; int s = 0; fixed (byte* b = d) { for (byte* p = b; p < b + 5000; p++) { *p = (byte)s; s += 3; } for (int i = 0; i < 5000; i++) s ^= b[i] * i; } return s.ToString(); }", 4 },
        { "finally around", "public static string Run() { int s = 0, n = 0; try { for (int i = 0; i < 20000; i++) s += i; } finally { n = 1; } return s + \" \" + n; }", 1 },
        { "catch sees the variable", "public static string Run() { int i = 0; int[] a = new int[1500]; int s = 0; try { for (i = 0; ; i++) { s += a[i] + 1; } } catch (IndexOutOfRangeException) { return i + \" \" + s; } }", 1 },
        { "finally reads the variable", "static int s_seen; static void F() { int i = 0; int[] a = new int[100]; try { for (; ; i++) a[i]++; } finally { s_seen = i; } } public static string Run() { try { F(); } catch (IndexOutOfRangeException) { } return s_seen.ToString(); }", 100 },
        { "foreach over list", "public static string Run() { var l = new List<int>(); for (int i = 0; i < 300; i++) l.Add(i); int s = 0; foreach (int x in l) s += x; foreach (int x in (IEnumerable<int>)l) s ^= x; return s.ToString(); }", 500 },
        { "retry by catch", "public static string Run() { int n = 0; retry: try { n++; if (n < 50) throw new InvalidOperationException(); } catch (InvalidOperationException) { goto retry; } return n.ToString(); }", 49 },
        { "loop in catch", "public static string Run() { int s = 0; try { throw new Exception(); } catch { for (int i = 0; i < 30000; i++) s += i; } finally { for (int i = 0; i < 30000; i++) s ^= i; } return s.ToString(); }", 4 },
        { "recursion", "static int Fib(int n) => n < 2 ? n : Fib(n - 1) + Fib(n - 2); public static string Run() => Fib(15).ToString();", 980 },
        { "mutual recursion", "static bool Even(int n) => n == 0 || Odd(n - 1); static bool Odd(int n) => n != 0 && Even(n - 1); public static string Run() => Even(500).ToString();", 250 },
        { "virtual recursion", "abstract class N { public abstract int F(int n); } class A : N { public N Next; public override int F(int n) => n == 0 ? 0 : 1 + Next.F(n - 1); } class B : N { public N Next; public override int F(int n) => n == 0 ? 0 : 2 + Next.F(n - 1); } public static string Run() { var a = new A(); var b = new B { Next = a }; a.Next = b; return a.F(300).ToString(); }", 100 },
        { "interface recursion", "interface I { int F(int n); } class A : I { public I Next; int I.F(int n) => n == 0 ? 0 : 1 + Next.F(n - 1); } public static string Run() { var a = new A(); a.Next = a; return ((I)a).F(300).ToString(); }", 300 },
        { "recursion by delegate", "public static string Run() { Func<int, int> f = null!; f = n => n == 0 ? 0 : 1 + f(n - 1); return f(200).ToString(); }", 200 },
        { "recursion through the framework", "class K : IComparable<K> { public int Depth; public int CompareTo(K o) { if (Depth > 0) new List<K> { new K { Depth = Depth - 1 }, new K() }.Sort(); return 0; } } public static string Run() { new K { Depth = 100 }.CompareTo(null!); return \"done\"; }", 90 },
        { "recursion by ToString", "class T { public int N; public override string ToString() => N == 0 ? \".\" : string.Concat((object)new T { N = N - 1 }, \"x\"); } public static string Run() => new T { N = 90 }.ToString();", 80 },
        { "generic recursion", "static int F<T>(T x, int n) => n == 0 ? x!.GetHashCode() & 1 : F(x, n - 1); public static string Run() => (F(1, 100) + F((object)\"a\".Length, 100)).ToString();", 200 },
        { "static class constructor", "static class C { public static readonly int[] T; static C() { T = new int[3000]; for (int i = 0; i < T.Length; i++) T[i] = Helper(i); } static int Helper(int n) { int s = 0; for (int i = 0; i < n % 5; i++) s += i * n; return s; } } public static string Run() => C.T[2999].ToString();", 0 },
        { "filter", "static bool Test(int n) { int s = 0; for (int i = 0; i < 2000; i++) s += i; return s > n; } public static string Run() { int r = 0; for (int k = 0; k < 5; k++) try { throw new Exception(k.ToString()); } catch (Exception e) when (Test(k)) { r += e.Message.Length; } return r.ToString(); }", 1 },
        { "iterator", "static IEnumerable<int> G(int n) { for (int i = 0; i < n; i++) { if (i % 3 == 0) continue; yield return i; } } public static string Run() { int s = 0; foreach (int x in G(600)) s += x; return s.ToString(); }", 400 },
        { "async", "static async Task<int> F(int n) { int s = 0; for (int i = 0; i < n; i++) { if (i % 100 == 0) await Task.Yield(); s += i; } return s; } public static string Run() => F(3000).GetAwaiter().GetResult().ToString();", 100 },
        { "async iterator", "static async IAsyncEnumerable<int> G() { for (int i = 0; i < 50; i++) { await Task.Yield(); yield return i; } } static async Task<int> F() { int s = 0; await foreach (int x in G()) s += x; return s; } public static string Run() => F().GetAwaiter().GetResult().ToString();", 50 },
        { "struct method", "struct S { public int A; public int Sum(int n) { for (int i = 0; i < n; i++) A += i; return A; } } public static string Run() { S s = default; s.Sum(30000); return s.Sum(20000).ToString(); }", 4 },
        { "ref struct", "ref struct R { Span<int> _s; public R(Span<int> s) => _s = s; public int Sum() { int t = 0; foreach (ref int x in _s) { x++; t += x; } return t; } } public static string Run() { int[] a = new int[20000]; return new R(a).Sum() + \" \" + a[19999]; }", 1 },
        { "switch in loop", "public static string Run() { int s = 0, state = 0; for (int i = 0; i < 3000; i++) { switch (state) { case 0: s += i; state = 2; break; case 1: s ^= i; state = 0; continue; case 2: s -= 3; state = 3; break; case 3: s *= 3; state = 1; break; } s++; } return s.ToString(); }", 2 },
        { "string loop", "public static string Run() { string t = new string('a', 3000) + \"b\"; int n = 0; foreach (char c in t) n = n * 31 + c; int i = 0; while (t[i] != 'b') i++; return n + \" \" + i; }", 3 },
        { "generic class", "class Box<T> { T[] _a = new T[8]; int _n; public void Add(T x) { if (_n == _a.Length) { var b = new T[_n * 2]; for (int i = 0; i < _n; i++) b[i] = _a[i]; _a = b; } _a[_n++] = x; } public int Count(Func<T, bool> f) { int c = 0; for (int i = 0; i < _n; i++) if (f(_a[i])) c++; return c; } } public static string Run() { var b = new Box<string>(); for (int i = 0; i < 500; i++) b.Add(i.ToString()); return b.Count(s => s.Length == 2).ToString(); }", 500 },
        { "local function and closure", "public static string Run() { int total = 0; void Add(int n) { for (int i = 0; i < n; i++) total += i; } Add(20000); Add(100); return total.ToString(); }", 1 },
        { "do while", "public static string Run() { uint x = 27; int n = 0; do { x = (x & 1) == 0 ? x / 2 : 3 * x + 1; n++; } while (x != 1); return n.ToString(); }", 0 },
        { "multi-dimensional array", "public static string Run() { int[,] a = new int[50, 50]; int s = 0; for (int i = 0; i < 50; i++) for (int j = 0; j < 50; j++) a[i, j] = i * j; foreach (int x in a) s += x; return s.ToString(); }", 50 },
        { "short and long by turns", "static int F(int[] a, int n) { int s = 0; for (int i = 0; i < n; i++) { if ((a[i] & 1) == 0) continue; s += a[i]; } return s; } public static string Run() { int[] a = new int[20000]; for (int i = 0; i < a.Length; i++) a[i] = i * 7; long s = 0; for (int n = 1; n <= a.Length; n += 977) s += F(a, n); return s.ToString(); }", 20 },
        { "bound at the end of int", "static int F(int n) { int s = 0; for (int i = n - 5; i <= n; i++) { if (++s > 9000) break; } return s; } public static string Run() => F(int.MaxValue) + \" \" + F(7);", 8 },
        { "steps over the end of int", "static int F(int n) { int s = 0; for (int i = n - 5; i < n; i += 4) { if (++s > 9000) break; } return s; } public static string Run() => F(int.MaxValue) + \" \" + F(7);", 8 },
        { "steps over the lower end of int", "static int F(int n) { int s = 0; for (int i = n + 5; i >= n; i -= 3) { if (++s > 9000) break; } return s; } public static string Run() => F(int.MinValue) + \" \" + F(7);", 8 },
        { "from end to end of int", "static int F(int a, int n) { int s = 0; for (int i = a; i < n; i += 4096) s += i; return s; } public static string Run() => F(int.MinValue, int.MaxValue - 5000) + \" \" + F(int.MaxValue, int.MinValue) + \" \" + F(3, 3);", 1000 },
        { "down from end to end of int", "static int F(int a, int n) { int s = 0; for (int i = a; i > n; i -= 4096) s += i; return s; } public static string Run() => F(int.MaxValue, int.MinValue + 5000) + \" \" + F(int.MinValue, int.MaxValue) + \" \" + F(3, 3);", 1000 },
        { "bound that moves away", "public static string Run() { int n = 10, s = 0; for (int i = 0; i < n; i++) { s += i; if (n < 5000) n += 2; } return s + \" \" + n; }", 1 },
        { "array that is replaced", "public static string Run() { int[] a = new int[4]; int s = 0; for (int i = 0; i < a.Length; i++) { s += i; if (i == 3) a = new int[20000]; } return s.ToString(); }", 1 },
        { "start by condition", "static int F(bool b, int n) { int s = 0; for (int i = b ? 0 : -90000; i < 8; i++) s += i * n; return s; } public static string Run() => F(true, 3) + \" \" + F(false, 3);", 8 },
        { "fixed rounds in a long loop", "public static string Run() { uint h = 1; for (int i = 0; i < 100000; i++) for (int k = 0; k < 8; k++) h = (h >> 1) ^ ((h & 1) * 0xEDB88320u) ^ (uint)i; return h.ToString(); }", 1000 },
        { "jump into the middle", "public static string Run() { int s = 0, i = 0; bool first = true; goto inside; again: s += 3; inside: i++; if (first) { first = false; s = 100; } if ((s ^ i) % 977 != 5) goto again; return s + \" \" + i; }", 100 },
        { "two exits from a written-out loop", "static string F(string t, char c) { int i = 0; while (true) { if (t[i] == c) return \"found \" + i; if (t[i++] == '.') break; } return \"end \" + i; } public static string Run() { string t = new string('a', 50) + \"bcde.\"; string r = \"\"; foreach (char c in \"abcdex\") r += F(t, c); return r; }", 100 },
        { "linked list", "class N { public N? Next; public int V; } public static string Run() { N? h = null; for (int i = 0; i < 203; i++) h = new N { Next = h, V = i }; int s = 0; for (N? n = h; n != null; n = n.Next) s = s * 3 + n.V; return s.ToString(); }", 50 },
        { "sieve", "static int F(int n) { bool[] c = new bool[n + 1]; int p = 0; for (int i = 2; i <= n; i++) { if (!c[i]) { p++; for (long j = (long)i * i; j <= n; j += i) c[j] = true; } } return p; } public static string Run() => F(20000) + \" \" + F(2) + \" \" + F(1);", 100 },
        { "around loops to the end of int", "static int F(int n) { int s = 0, r = 0; for (int i = n - 5; i <= n; i++) { uint k = (uint)i & 3; while (k != 0) { s += i; k >>= 1; } if (++r > 9000) break; } return s; } public static string Run() => F(int.MaxValue) + \" \" + F(7) + \" \" + F(-100);", 500 },
        { "asked in the inner loop, counter below zero", "static int F(int a, int n) { int s = 0; for (int i = a; i < n; i++) { uint k = (uint)(i * 7919) & 1023; while (k != 0) { s += i ^ (int)k; k >>= 1; } } return s; } public static string Run() => F(-900, -850) + \" \" + F(-9, 4);", 50 },
        { "around loops down over the end of int", "static int F(int n) { int s = 0, r = 0; for (int i = n + 5; i >= n; i -= 3) { uint k = (uint)i & 3; while (k != 0) { s += i; k >>= 1; } if (++r > 9000) break; } return s; } public static string Run() => F(int.MinValue) + \" \" + F(7);", 500 },
        { "around loops in steps, with continue and break", "static long F(int a, int n) { long s = 0; for (int i = a; i < n; i += 4) { if ((i & 8) == 0) continue; uint x = (uint)i; while (x != 1) { x = (x & 1) == 0 ? x >> 1 : x * 3 + 1; if (++s % 5000 == 4999) break; } if (s > 900000) break; s += i; } return s; } public static string Run() => F(0, 9000) + \" \" + F(1, 90000) + \" \" + F(5, 5);", 100 },
        { "around loops, no round", "static int F(int a, int n) { int s = 0; for (int i = a; i < n; i++) { uint k = (uint)i; while ((k & 1) != 0) k >>= 1; s += (int)k; } return s; } public static string Run() => F(3, 3) + \" \" + F(4, 3) + \" \" + F(int.MaxValue, int.MinValue) + \" \" + F(-3, 3);", 0 },
        { "around loops, bound of an array that is null", "static int F(int[] a) { int s = 0; for (int i = 0; i < a.Length; i++) { int k = a[i] + i; while (k > 9) k /= 3; s += k; } return s; } public static string Run() { try { return F(null!).ToString(); } catch (NullReferenceException) { return \"null \" + F(new int[7000]); } }", 0 },
        { "around loops, an index out of range", "static int F(int[] a, int n) { int s = 0; for (int i = 0; i <= n; i++) { int k = a[i] + i; while (k > 9) k /= 3; s += k; } return s; } public static string Run() { try { return F(new int[3000], 3000).ToString(); } catch (IndexOutOfRangeException) { return \"out \" + F(new int[2001], 2000).ToString(); } }", 0 },
        { "method group redirected", "public static string Run() { Func<System.Reflection.Assembly, string> _ = a => a.Location; return typeof(Sample).Assembly.FullName!.Length + \"\"; }", 0 },
    };

    [Theory]
    [MemberData(nameof(Samples))]
    public void Release_Woven_RunsAsOriginal(string name, string body, int atLeast)
    {
        (byte[] image, byte[] symbols) = StandIn.Compile(Source(body));
        (int checks, _) = StandIn.RunBoth(image, symbols);
        Assert.True(checks >= atLeast, $"{name}: met {checks} checks, expected {atLeast} or more");
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Debug_WovenWithAllChecks_RunsAsOriginal(string name, string body, int atLeast)
    {
        (byte[] image, byte[] symbols) = StandIn.Compile(Source(body), level: OptimizationLevel.Debug);
        (int checks, WeaveReport report) = StandIn.RunBoth(image, symbols, CheckPlacement.All);
        Assert.True(checks >= Math.Min(atLeast, 1), $"{name}: met {checks} checks ({report})");
    }

    internal static string Source(string body) =>
        "using System; using System.Collections.Generic; using System.Linq; using System.Threading.Tasks;\npublic static class Sample\n{\n" + body + "\n}\n";
}
