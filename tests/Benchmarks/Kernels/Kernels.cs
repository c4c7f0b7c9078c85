using System.Text;
using System.Text.RegularExpressions;

namespace ILPreempt.Benchmarks.Kernels;

/// <summary>
/// The kernels by name; each does a few milliseconds of work and returns a value that depends on all of it. The
/// benchmark finds them by reflection, so that the same list runs from the original and from the woven assembly.
/// </summary>
public static partial class Kernels
{
    private static readonly int[] s_numbers = MakeNumbers(20_000);
    private static readonly double[] s_doubles = Array.ConvertAll(s_numbers, n => n * 0.5);
    private static readonly string s_text = MakeText(1500);

    public static Dictionary<string, Func<double>> All { get; } = new()
    {
        ["nbody"] = () => NBody(20_000),
        ["spectral-norm"] = () => SpectralNorm(120),
        ["fannkuch"] = () => Fannkuch(8),
        ["mandelbrot"] = () => Mandelbrot(110),
        ["binary-trees"] = () => BinaryTrees(12),
        ["sieve"] = () => Sieve(600_000),
        ["matrix-product"] = () => MatrixProduct(120),
        ["sort"] = () => Sort(),
        ["dictionary"] = () => DictionaryOfStrings(),
        ["string-building"] = () => StringBuilding(12_000),
        ["regex"] = () => Words().Count(s_text),
        ["fib"] = () => Fib(27),
        ["array-sum"] = () => ArraySum(200),
        ["dot-product"] = () => DotProduct(200),
        ["list-loop"] = () => ListLoop(100),
        ["collatz"] = () => Collatz(30_000),
        ["levenshtein"] = () => Levenshtein(s_text[..600], s_text[300..900]),
    };

    [GeneratedRegex(@"\b([a-z]+)(ab|ba)[a-z]*\b")]
    private static partial Regex Words();

    private static int[] MakeNumbers(int n)
    {
        int[] numbers = new int[n];
        uint state = 12345;
        for (int i = 0; i < n; i++)
        {
            state = (state * 1664525) + 1013904223;
            numbers[i] = (int)(state >> 8);
        }

        return numbers;
    }

    private static string MakeText(int words)
    {
        StringBuilder text = new();
        for (int i = 0; i < words; i++)
        {
            int number = s_numbers[i];
            for (int k = 0; k < 3 + (number & 7); k++)
            {
                text.Append((char)('a' + ((number >> k) & 3)));
            }

            text.Append(' ');
        }

        return text.ToString();
    }

    private sealed class Body
    {
        public double X, Y, Z, VX, VY, VZ, Mass;
    }

    private static double NBody(int steps)
    {
        Body[] bodies =
        [
            new() { Mass = 39.47 },
            new() { X = 4.84, Y = -1.16, Z = -0.10, VX = 0.6, VY = 2.8, VZ = -0.02, Mass = 0.037 },
            new() { X = 8.34, Y = 4.12, Z = -0.4, VX = -1.01, VY = 1.8, VZ = 0.008, Mass = 0.011 },
            new() { X = 12.89, Y = -15.11, Z = -0.22, VX = 1.08, VY = 0.86, VZ = -0.01, Mass = 0.0017 },
            new() { X = 15.37, Y = -25.9, Z = 0.17, VX = 0.97, VY = 0.59, VZ = -0.034, Mass = 0.002 },
        ];
        for (int step = 0; step < steps; step++)
        {
            for (int i = 0; i < bodies.Length; i++)
            {
                Body a = bodies[i];
                for (int j = i + 1; j < bodies.Length; j++)
                {
                    Body b = bodies[j];
                    double dx = a.X - b.X, dy = a.Y - b.Y, dz = a.Z - b.Z;
                    double square = (dx * dx) + (dy * dy) + (dz * dz);
                    double magnitude = 0.001 / (square * Math.Sqrt(square));
                    a.VX -= dx * b.Mass * magnitude;
                    a.VY -= dy * b.Mass * magnitude;
                    a.VZ -= dz * b.Mass * magnitude;
                    b.VX += dx * a.Mass * magnitude;
                    b.VY += dy * a.Mass * magnitude;
                    b.VZ += dz * a.Mass * magnitude;
                }
            }

            foreach (Body body in bodies)
            {
                body.X += 0.001 * body.VX;
                body.Y += 0.001 * body.VY;
                body.Z += 0.001 * body.VZ;
            }
        }

        return bodies[0].X;
    }

    private static double A(int i, int j) => 1.0 / (((i + j) * (i + j + 1) / 2) + i + 1);

    private static double SpectralNorm(int n)
    {
        double[] u = new double[n], v = new double[n], t = new double[n];
        Array.Fill(u, 1);
        for (int round = 0; round < 5; round++)
        {
            Multiply(u, t, v);
            Multiply(v, t, u);
        }

        double uv = 0, vv = 0;
        for (int i = 0; i < n; i++)
        {
            uv += u[i] * v[i];
            vv += v[i] * v[i];
        }

        return Math.Sqrt(uv / vv);
    }

    private static void Multiply(double[] source, double[] middle, double[] target)
    {
        for (int i = 0; i < source.Length; i++)
        {
            double sum = 0;
            for (int j = 0; j < source.Length; j++)
            {
                sum += A(i, j) * source[j];
            }

            middle[i] = sum;
        }

        for (int i = 0; i < source.Length; i++)
        {
            double sum = 0;
            for (int j = 0; j < source.Length; j++)
            {
                sum += A(j, i) * middle[j];
            }

            target[i] = sum;
        }
    }

    private static double Fannkuch(int n)
    {
        int[] perm = new int[n], first = new int[n], count = new int[n];
        int flipsMax = 0, checksum = 0, r = n, permutations = 0;
        for (int i = 0; i < n; i++)
        {
            first[i] = i;
        }

        while (true)
        {
            while (r != 1)
            {
                count[r - 1] = r;
                r--;
            }

            for (int i = 0; i < n; i++)
            {
                perm[i] = first[i];
            }

            int flips = 0;
            int k;
            while ((k = perm[0]) != 0)
            {
                int half = (k + 1) >> 1;
                for (int i = 0; i < half; i++)
                {
                    (perm[i], perm[k - i]) = (perm[k - i], perm[i]);
                }

                flips++;
            }

            flipsMax = Math.Max(flipsMax, flips);
            checksum += (permutations & 1) == 0 ? flips : -flips;
            while (true)
            {
                if (r == n)
                {
                    return checksum + flipsMax;
                }

                int moved = first[0];
                for (int i = 0; i < r; i++)
                {
                    first[i] = first[i + 1];
                }

                first[r] = moved;
                if (--count[r] > 0)
                {
                    break;
                }

                r++;
            }

            permutations++;
        }
    }

    private static double Mandelbrot(int n)
    {
        int inside = 0;
        for (int y = 0; y < n; y++)
        {
            for (int x = 0; x < n; x++)
            {
                double cr = (2.0 * x / n) - 1.5, ci = (2.0 * y / n) - 1.0, zr = 0, zi = 0;
                int i = 0;
                while (i < 50 && (zr * zr) + (zi * zi) <= 4.0)
                {
                    double t = (zr * zr) - (zi * zi) + cr;
                    zi = (2 * zr * zi) + ci;
                    zr = t;
                    i++;
                }

                inside += i == 50 ? 1 : 0;
            }
        }

        return inside;
    }

    private sealed class Tree(Tree? left, Tree? right)
    {
        public static Tree Make(int depth) => depth == 0 ? new Tree(null, null) : new Tree(Make(depth - 1), Make(depth - 1));

        public int Check() => left is null ? 1 : 1 + left.Check() + right!.Check();
    }

    private static double BinaryTrees(int depth)
    {
        int sum = 0;
        for (int i = 0; i < 8; i++)
        {
            sum += Tree.Make(depth).Check();
        }

        return sum;
    }

    private static double Sieve(int n)
    {
        bool[] composite = new bool[n + 1];
        int primes = 0;
        for (int i = 2; i <= n; i++)
        {
            if (!composite[i])
            {
                primes++;
                for (long j = (long)i * i; j <= n; j += i)
                {
                    composite[j] = true;
                }
            }
        }

        return primes;
    }

    private static double MatrixProduct(int n)
    {
        double[][] a = new double[n][], b = new double[n][], c = new double[n][];
        for (int i = 0; i < n; i++)
        {
            a[i] = new double[n];
            b[i] = new double[n];
            c[i] = new double[n];
            for (int j = 0; j < n; j++)
            {
                a[i][j] = i + j;
                b[i][j] = i - j;
            }
        }

        for (int i = 0; i < n; i++)
        {
            double[] row = c[i];
            for (int k = 0; k < n; k++)
            {
                double factor = a[i][k];
                double[] other = b[k];
                for (int j = 0; j < row.Length; j++)
                {
                    row[j] += factor * other[j];
                }
            }
        }

        return c[n / 2][n / 3];
    }

    private static double Sort()
    {
        int[] copy = (int[])s_numbers.Clone();
        QuickSort(copy, 0, copy.Length - 1);
        return copy[copy.Length / 2];
    }

    private static void QuickSort(int[] a, int low, int high)
    {
        while (low < high)
        {
            int pivot = a[(low + high) >>> 1], i = low, j = high;
            while (i <= j)
            {
                while (a[i] < pivot)
                {
                    i++;
                }

                while (a[j] > pivot)
                {
                    j--;
                }

                if (i <= j)
                {
                    (a[i], a[j]) = (a[j], a[i]);
                    i++;
                    j--;
                }
            }

            if (j - low < high - i)
            {
                QuickSort(a, low, j);
                low = i;
            }
            else
            {
                QuickSort(a, i, high);
                high = j;
            }
        }
    }

    private static double DictionaryOfStrings()
    {
        Dictionary<int, int> counts = [];
        for (int round = 0; round < 5; round++)
        {
            foreach (int number in s_numbers)
            {
                counts[number & 0xFFF] = counts.GetValueOrDefault(number & 0xFFF) + 1;
            }
        }

        return counts.Values.Max();
    }

    private static double StringBuilding(int n)
    {
        StringBuilder text = new();
        for (int i = 0; i < n; i++)
        {
            text.Append("item ").Append(i).Append(": ").Append(i % 7 == 0 ? "yes" : "no").Append('\n');
        }

        return text.ToString().Length;
    }

    private static int Fib(int n) => n < 2 ? n : Fib(n - 1) + Fib(n - 2);

    private static double ArraySum(int rounds)
    {
        int sum = 0;
        for (int round = 0; round < rounds; round++)
        {
            int[] numbers = s_numbers;
            for (int i = 0; i < numbers.Length; i++)
            {
                sum += numbers[i];
            }
        }

        return sum;
    }

    private static double DotProduct(int rounds)
    {
        double sum = 0;
        for (int round = 0; round < rounds; round++)
        {
            ReadOnlySpan<double> a = s_doubles, b = s_doubles;
            for (int i = 0; i < a.Length; i++)
            {
                sum += a[i] * b[i];
            }
        }

        return sum;
    }

    private static double ListLoop(int rounds)
    {
        List<int> list = [.. s_numbers];
        long sum = 0;
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < list.Count; i++)
            {
                sum ^= list[i];
            }

            foreach (int number in list)
            {
                sum += number;
            }
        }

        return sum;
    }

    private static double Collatz(int limit)
    {
        int longest = 0;
        for (int start = 1; start < limit; start++)
        {
            long n = start;
            int length = 0;
            while (n != 1)
            {
                n = (n & 1) == 0 ? n >> 1 : (3 * n) + 1;
                length++;
            }

            longest = Math.Max(longest, length);
        }

        return longest;
    }

    private static double Levenshtein(string a, string b)
    {
        int[] previous = new int[b.Length + 1], current = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            previous[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = a[i - 1] == b[j - 1] ? 0 : 1;
                current[j] = Math.Min(Math.Min(current[j - 1] + 1, previous[j] + 1), previous[j - 1] + cost);
            }

            (previous, current) = (current, previous);
        }

        return previous[b.Length];
    }
}
