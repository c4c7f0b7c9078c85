// What every generated program is made of. The bodies of members marked [Body] are replaced by generated ones.
using System;
using System.Collections.Generic;

[AttributeUsage(AttributeTargets.All)]
public sealed class BodyAttribute : Attribute;

public interface IShape
{
    int Go(int d, int x);
}

public struct S : IShape
{
    public int X;
    public long Y;
    public double Z;
    public float W;

    public int Get() => X + (int)Y;

    [Body] public int Go(int d, int x) => 0;
}

public class Node : IShape
{
    public int V;
    public int[] Arr = [3, 1, 4, 1, 5, 9, 2, 6];
    public S Sv;
    public Node Next;
    public double D;

    [Body] public virtual int Go(int d, int x) => 0;

    [Body] public double Own(int d, double y) => 0;
}

public sealed class Sub : Node
{
    [Body] public override int Go(int d, int x) => 0;
}

public class Box<T>
{
    public T Value;
    public int N;
    public static int Count;

    [Body] public int Work(int d, T t, ref T r) => 0;

    [Body] public static T Stat(int d, T t, int x) => t;
}

public static class Late
{
    public static int A;

    [Body]
    static Late()
    {
        A = 1;
    }

    [Body] public static int M(int d, int x) => 0;
}

public static class Sample
{
    public static long H;
    public static int Fuel;
    public static int F0;
    public static int F1;
    public static long L0;
    public static double G0;
    public static float G1;
    public static int[] A;
    public static volatile int Vol;

    public static void Mix(long x) => H = (H * 31) + x + (H >> 57);

    public static void MixR(double x) => Mix(double.IsNaN(x) ? 77 : BitConverter.DoubleToInt64Bits(x));

    public static void MixS(S s)
    {
        Mix(s.X);
        Mix(s.Y);
        MixR(s.Z);
        MixR(s.W);
    }

    public static void MixE(object e)
    {
        foreach (char c in e.GetType().Name)
        {
            Mix(c);
        }
    }

    public static int Ask(int x)
    {
        Mix(x);
        return x & 1;
    }

    [Body] public static int M0(int d, int a, int b) => 0;

    [Body] public static long M1(int d, long a, ref int r) => 0;

    [Body] public static double M2(int d, double a, int[] arr) => 0;

    [Body] public static void M3(int d, Node n, S s) { }

    [Body] public static S M4(int d, ref S s, float f) => s;

    [Body] public static int M5(int d, int x) => 0;

    [Body] public static int M6(int d, long a, int b, double c) => 0;

    [Body] public static float M7(int d, float f, int x) => 0;

    [Body] public static Node M8(int d, Node n, int[] a) => n;

    [Body] public static int M9(int d, int a, ref int r) => 0;

    [Body] public static int Gen<T>(int d, T t, ref T r) where T : IShape => 0;

    [Body] public static T Either<T>(int d, T a, T b) => a;

    private static Node Chain(int length)
    {
        Node n = null;
        for (int i = 0; i < length; i++)
        {
            n = i % 3 == 0 ? new Sub { Next = n, V = i } : new Node { Next = n, V = i * 7, D = i };
        }

        return n;
    }

    public static string Run()
    {
        H = 1;
        A = new int[16];
        for (int i = 0; i < A.Length; i++)
        {
            A[i] = (i * 37) - 100;
        }

        for (int k = 0; k < 14; k++)
        {
            Fuel = 2000;
            try
            {
                One(k);
            }
            catch (Exception e)
            {
                MixE(e);
            }

            Mix(Fuel);
            Mix(F0);
            Mix(F1);
            Mix(L0);
            MixR(G0);
            MixR(G1);
            foreach (int x in A)
            {
                Mix(x);
            }
        }

        return H.ToString("x");
    }

    private static void One(int k)
    {
        int r = 5;
        S s = new() { X = 9, Y = -3, Z = 1.5, W = 2 };
        Node n = Chain(6);
        switch (k)
        {
            case 0: Mix(M0(4, 17, -5)); break;
            case 1: Mix(M1(3, 123456789012, ref r)); break;
            case 2: MixR(M2(3, 2.5, A)); break;
            case 3: M3(3, n, s); break;
            case 4: MixS(M4(3, ref s, 0.5f)); break;
            case 5: Mix(M5(6, 10)); break;
            case 6: Mix(M6(3, -7, 12, 0.25)); break;
            case 7: MixR(M7(3, 1.25f, 3)); break;
            case 8: Mix(M8(3, n, A)?.V ?? -1); break;
            case 9: Mix(M9(4, 3, ref r)); break;
            case 10: Mix(Gen(3, s, ref s)); Mix(Gen(3, n, ref n)); break;
            case 11: Mix(Either(3, 4, 5)); Mix(Either(3, n, null)?.V ?? -2); break;
            case 12: Mix(Late.M(3, 8)); break;
            case 13:
                Mix(new Box<int> { Value = 3 }.Work(3, 4, ref r));
                Mix(new Box<Node>().Work(3, n, ref n));
                Box<S>.Stat(2, s, 6);
                MixR(n?.Own(3, 0.75) ?? 0);
                break;
        }

        Mix(r);
        MixS(s);
        Mix(n?.V ?? -3);
    }
}
