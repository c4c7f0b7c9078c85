using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;

static class Kernels
{
    class Body { public double X, Y, Z, Vx, Vy, Vz, Mass; }

    public static string NBody()
    {
        Body[] bodies =
        [
            new() { Mass = 39.47841760435743 },
            new() { X = 4.84143144246472090, Y = -1.16032004402742839, Z = -0.103622044471123109, Vx = 0.606326392995832, Vy = 2.81198684491626, Vz = -0.02521836165988763, Mass = 0.03769367487038949 },
            new() { X = 8.34336671824457987, Y = 4.12479856412430479, Z = -0.403523417114321381, Vx = -1.0107743461787924, Vy = 1.8256623712304119, Vz = 0.008415761376584154, Mass = 0.011286326131968767 },
            new() { X = 12.8943695621391310, Y = -15.1111514016986312, Z = -0.223307578892655734, Vx = 1.0827910064415354, Vy = 0.8687130181696082, Vz = -0.010832637401363636, Mass = 0.0017237240570597112 },
        ];
        for (int step = 0; step < 50_000; step++)
        {
            for (int i = 0; i < bodies.Length; i++)
            {
                Body a = bodies[i];
                for (int j = i + 1; j < bodies.Length; j++)
                {
                    Body b = bodies[j];
                    double dx = a.X - b.X, dy = a.Y - b.Y, dz = a.Z - b.Z;
                    double d2 = dx * dx + dy * dy + dz * dz;
                    double mag = 0.01 / (d2 * Math.Sqrt(d2));
                    a.Vx -= dx * b.Mass * mag; a.Vy -= dy * b.Mass * mag; a.Vz -= dz * b.Mass * mag;
                    b.Vx += dx * a.Mass * mag; b.Vy += dy * a.Mass * mag; b.Vz += dz * a.Mass * mag;
                }
            }
            foreach (Body b in bodies) { b.X += 0.01 * b.Vx; b.Y += 0.01 * b.Vy; b.Z += 0.01 * b.Vz; }
        }
        return bodies.Sum(b => b.X + b.Y + b.Z).ToString("R");
    }

    static double A(int i, int j) => 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);

    public static string SpectralNorm()
    {
        const int n = 120;
        double[] u = new double[n], v = new double[n], t = new double[n];
        Array.Fill(u, 1);
        static void Av(double[] x, double[] y, bool transpose)
        {
            for (int i = 0; i < n; i++)
            {
                double sum = 0;
                for (int j = 0; j < n; j++) { sum += (transpose ? A(j, i) : A(i, j)) * x[j]; }
                y[i] = sum;
            }
        }
        for (int i = 0; i < 10; i++)
        {
            Av(u, t, false); Av(t, v, true);
            Av(v, t, false); Av(t, u, true);
        }
        double vBv = 0, vv = 0;
        for (int i = 0; i < n; i++) { vBv += u[i] * v[i]; vv += v[i] * v[i]; }
        return Math.Sqrt(vBv / vv).ToString("F9");
    }

    public static string Fannkuch()
    {
        const int n = 8;
        int[] p = new int[n], q = new int[n], s = new int[n];
        int sign = 1, maxflips = 0, sum = 0;
        for (int i = 0; i < n; i++) { p[i] = q[i] = s[i] = i; }
        while (true)
        {
            int q0 = p[0];
            if (q0 != 0)
            {
                for (int i = 1; i < n; i++) { q[i] = p[i]; }
                int flips = 1;
                while (true)
                {
                    int qq = q[q0];
                    if (qq == 0)
                    {
                        sum += sign * flips;
                        if (flips > maxflips) { maxflips = flips; }
                        break;
                    }
                    q[q0] = q0;
                    if (q0 >= 3)
                    {
                        int i = 1, j = q0 - 1;
                        do { (q[i], q[j]) = (q[j], q[i]); i++; j--; } while (i < j);
                    }
                    q0 = qq; flips++;
                }
            }
            if (sign == 1)
            {
                (p[0], p[1]) = (p[1], p[0]);
                sign = -1;
            }
            else
            {
                (p[1], p[2]) = (p[2], p[1]);
                sign = 1;
                for (int i = 2; i < n; i++)
                {
                    int sx = s[i];
                    if (sx != 0) { s[i] = sx - 1; break; }
                    if (i == n - 1) { return $"{sum} {maxflips}"; }
                    s[i] = i;
                    int t = p[0];
                    for (int j = 0; j <= i; j++) { p[j] = p[j + 1]; }
                    p[i + 1] = t;
                }
            }
        }
    }

    public static string Mandelbrot()
    {
        int inside = 0;
        for (int py = 0; py < 120; py++)
        {
            for (int px = 0; px < 120; px++)
            {
                double cr = 2.0 * px / 120 - 1.5, ci = 2.0 * py / 120 - 1.0, zr = 0, zi = 0;
                int i = 0;
                for (; i < 200 && zr * zr + zi * zi <= 4; i++)
                {
                    double t = zr * zr - zi * zi + cr;
                    zi = 2 * zr * zi + ci;
                    zr = t;
                }
                if (i == 200) { inside++; }
            }
        }
        return inside.ToString();
    }

    class Tree { public Tree L, R; }

    static Tree Grow(int depth) => depth == 0 ? new Tree() : new Tree { L = Grow(depth - 1), R = Grow(depth - 1) };

    static int Count(Tree t) => t.L is null ? 1 : 1 + Count(t.L) + Count(t.R);

    public static string BinaryTrees()
    {
        int total = 0;
        Tree longLived = Grow(12);
        for (int i = 0; i < 64; i++) { total += Count(Grow(9)); }
        return $"{total} {Count(longLived)}";
    }

    public static string Sieve()
    {
        bool[] composite = new bool[500_001];
        int count = 0;
        for (int i = 2; i < composite.Length; i++)
        {
            if (composite[i]) { continue; }
            count++;
            for (long j = (long)i * i; j < composite.Length; j += i) { composite[j] = true; }
        }
        return count.ToString();
    }

    public static string MatMul()
    {
        const int n = 120;
        double[,] a = new double[n, n], b = new double[n, n], c = new double[n, n];
        for (int i = 0; i < n; i++) { for (int j = 0; j < n; j++) { a[i, j] = i - j; b[i, j] = i + j; } }
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double s = 0;
                for (int k = 0; k < n; k++) { s += a[i, k] * b[k, j]; }
                c[i, j] = s;
            }
        }
        double trace = 0;
        for (int i = 0; i < n; i++) { trace += c[i, i] + c[i, n - 1 - i]; }
        return trace.ToString("R");
    }

    static void QuickSort(int[] a, int lo, int hi)
    {
        while (lo < hi)
        {
            int pivot = a[(lo + hi) >> 1], i = lo, j = hi;
            while (i <= j)
            {
                while (a[i] < pivot) { i++; }
                while (a[j] > pivot) { j--; }
                if (i <= j) { (a[i], a[j]) = (a[j], a[i]); i++; j--; }
            }
            QuickSort(a, lo, j);
            lo = i;
        }
    }

    static IEnumerable<uint> Random(int count)
    {
        uint x = 12345;
        for (int i = 0; i < count; i++)
        {
            x ^= x << 13; x ^= x >> 17; x ^= x << 5;
            yield return x;
        }
    }

    public static string Sort()
    {
        int[] a = Random(100_000).Select(x => (int)x).ToArray();
        int[] b = (int[])a.Clone(), c = (int[])a.Clone();
        QuickSort(a, 0, a.Length - 1);
        Array.Sort(b, (x, y) => x.CompareTo(y));
        List<int> ordered = c.OrderBy(x => x).ToList();
        return $"{a.SequenceEqual(b)} {a.SequenceEqual(ordered)} {a[50_000]}";
    }

    public static string Dictionary()
    {
        Dictionary<string, int> words = new();
        foreach (uint x in Random(100_000))
        {
            string key = (x % 5000).ToString();
            words[key] = words.TryGetValue(key, out int n) ? n + 1 : 1;
        }
        return $"{words.Count} {words.Values.Max()} {words.Keys.Order(StringComparer.Ordinal).First()}";
    }

    public static string Strings()
    {
        StringBuilder text = new();
        int hash = 17;
        foreach (uint x in Random(20_000))
        {
            text.Append(x).Append(',');
            if (text.Length > 1000)
            {
                foreach (char c in text.ToString().Replace("1", "one").ToUpperInvariant()) { hash = hash * 31 + c; }
                text.Clear();
            }
        }
        return hash.ToString();
    }

    public static string Regexes()
    {
        string text = string.Join(" ", Random(5000).Select(x => x % 3 == 0 ? $"user{x % 100}@host{x % 7}.org" : x.ToString("x")));
        Regex mail = new(@"(?<user>\w+)@(?<host>\w+)\.org"), hex = new(@"\b(?:[a-f]\d){2,}\b", RegexOptions.Compiled);
        return $"{mail.Count(text)} {hex.Count(text)} {mail.Replace(text, "${host}!${user}").Length}";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static int Fibonacci(int n) => n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2);

    public static string Fib() => Fibonacci(27).ToString();

    static int Place(int row, int cols, int left, int right, int n)
    {
        if (row == n) { return 1; }
        int count = 0;
        for (int free = ~(cols | left | right) & ((1 << n) - 1); free != 0; free &= free - 1)
        {
            int bit = free & -free;
            count += Place(row + 1, cols | bit, (left | bit) << 1, (right | bit) >> 1, n);
        }
        return count;
    }

    public static string Queens() => Place(0, 0, 0, 0, 9).ToString();

    public static string Crc()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            uint c = i;
            for (int k = 0; k < 8; k++) { c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1; }
            table[i] = c;
        }
        uint crc = ~0u;
        for (int i = 0; i < 1_000_000; i++) { crc = table[(byte)(crc ^ i)] ^ (crc >> 8); }
        return (~crc).ToString("x8");
    }

    public static string Collatz()
    {
        int best = 0, at = 0;
        for (int i = 1; i < 30_000; i++)
        {
            int steps = 0;
            for (long n = i; n != 1; n = (n & 1) == 0 ? n >> 1 : 3 * n + 1) { steps++; }
            if (steps > best) { best = steps; at = i; }
        }
        return $"{at} {best}";
    }

    // An irreducible loop with a switch: two ways in, three ways round.
    public static string Gotos()
    {
        int state = 7, n = 0;
        if ((state & 1) == 0) { goto second; }
    first:
        n++;
        state = state * 5 + 3 & 0xffff;
        switch (state & 3)
        {
            case 0: goto first;
            case 1: goto second;
            case 2: if (n < 100_000) { goto first; } goto done;
        }
    second:
        n += 2;
        state = state * 7 + 11 & 0xffff;
        if (n < 100_000) { goto first; }
    done:
        return $"{n} {state}";
    }
}
