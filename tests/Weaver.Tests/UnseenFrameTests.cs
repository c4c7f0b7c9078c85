using System.Reflection;

namespace ILPreempt.Weaver.Tests;

/// <summary>Which methods with a check get AggressiveInlining: those whose frame no stack trace can miss.</summary>
public sealed class UnseenFrameTests
{
    private const string Source = """
        using System.Runtime.CompilerServices;
        public class Plain(object a, object b) { public object A = a, B = b; }
        public class OfOther { public object F; public OfOther(OfOther o, object f) { o.F = f; } }
        public class Counting { static int s_made; public Counting(object a, object b) { s_made++; } }
        public class Registered { static Registered() => System.Console.Write(""); public object A, B; public Registered(object a, object b) { A = a; B = b; } }
        public class Box<T>(T a, T b) { public T A = a, B = b; }
        public class InRegistered { static InRegistered() => System.Console.Write(""); public static int NoClassConstructor(int n) => n < 2 ? n : NoClassConstructor(n - 1) + NoClassConstructor(n - 2); }
        public class InGeneric<T> { public static int NoGenericType(int n) => n < 2 ? n : NoGenericType(n - 1) + NoGenericType(n - 2); }
        public class Sample
        {
            int _x; static int s_x;
            public static object YesMakes(int n) => n == 0 ? new Plain(null, null) : new Plain(YesMakes(n - 1), YesMakes(n - 1));
            public static int YesAdds(int n) => n < 2 ? n : YesAdds(n - 1) + YesAdds(n - 2);
            public static long YesConverts(long n, int d) => d == 0 ? n : YesConverts((int)(n ^ (n >> 3)), d - 1) ^ YesConverts((short)n, d - 1);
            public static int YesTwice(int m, int n) => m == 0 ? n + 1 : n == 0 ? YesTwice(m - 1, 1) : YesTwice(m - 1, YesTwice(m, n - 1));

            public static int NoDivides(int a, int b) => b == 0 ? a : NoDivides(b, a % b) + NoDivides(b, 1);
            public static int NoOverflows(int n) => n < 2 ? n : checked(NoOverflows(n - 1) + NoOverflows(n - 2));
            public static int NoArray(int[] a, int n) => n == 0 ? 1 : a[n] + NoArray(a, n - 1);
            public static int NoField(Sample s, int n) => n == 0 ? s._x : NoField(s, n - 1) + 1;
            public static int NoStatic(int n) => n == 0 ? s_x : NoStatic(n - 1) + 1;
            public static int NoForeign(int n) => n == 0 ? System.Environment.TickCount : NoForeign(n - 1) + 1;
            public static int NoOwn(int n) => n == 0 ? Helper(n) : NoOwn(n - 1) + 1;
            public static int NoThrow(int n) { if (n == 7) throw new System.Exception(); return n == 0 ? 1 : NoThrow(n - 1) + 1; }
            public static int NoLoop(int n) { int s = 0; while (s < n) s += NoLoop(n - 1) + 1; return s; }
            public static int NoTry(int n) { try { return n == 0 ? 1 : NoTry(n - 1) + 1; } finally { n = 0; } }
            public static int NoGeneric<T>(int n) => n == 0 ? 1 : NoGeneric<T>(n - 1) + 1;
            public int NoInstance(int n) => n < 2 ? n : NoInstance(n - 1) + NoInstance(n - 2);
            public static object NoOtherObject(int n) => n == 0 ? null : new OfOther((OfOther)null, NoOtherObject(n - 1));
            public static object NoCounting(int n) => n == 0 ? null : new Counting(null, NoCounting(n - 1));
            public static object NoRegistered(int n) => n == 0 ? null : new Registered(null, NoRegistered(n - 1));
            public static object NoBox(int n) => n == 0 ? null : new Box<object>(null, NoBox(n - 1));
            public static int NoLong(int n) => n < 2 ? n : NoLong(n - 1) + NoLong(n - 2) + NoLong(n - 3) * 1000 + NoLong(n - 4) * 2000 + NoLong(n - 5) * 3000;
            [MethodImpl(MethodImplOptions.NoInlining)] public static int NoWish(int n) => n < 2 ? n : NoWish(n - 1) + NoWish(n - 2);
            static int Helper(int n) => System.Environment.TickCount + n;
            public static string Run() => $"{((Plain)YesMakes(5)).A} {YesAdds(12)} {YesConverts(12345, 6)} {YesTwice(2, 3)}";
        }
        """;

    [Fact]
    public void Method_WithACheck_IsInlinedOnlyWhereNothingInItThrows()
    {
        (byte[] image, byte[] symbols) = StandIn.Compile(Source);
        WovenImage woven = StandIn.Weaver().WeaveImage(image, symbols, "Sample.dll");
        IEnumerable<MethodInfo> methods = StandIn.Load(woven.Image).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            .Where(method => method.Name.StartsWith("Yes", StringComparison.Ordinal) || method.Name.StartsWith("No", StringComparison.Ordinal));
        Assert.All(methods, method => Assert.Equal((method.Name, method.Name.StartsWith("Yes", StringComparison.Ordinal)), (method.Name, IsInlined(method))));
        Assert.Equal(24, methods.Count());
        Assert.True(StandIn.RunBoth(image, symbols).Checks > 100);
    }

    private static bool IsInlined(MethodInfo method) => (method.MethodImplementationFlags & MethodImplAttributes.AggressiveInlining) != 0;
}
