// Known CPU kernels, each small enough for a test, each printing a checksum.
using System.Diagnostics;

class Program
{
    static void Main(string[] args)
    {
        (string Name, Func<string> Run)[] kernels =
        [
            ("nbody", Kernels.NBody), ("spectralnorm", Kernels.SpectralNorm), ("fannkuch", Kernels.Fannkuch),
            ("mandelbrot", Kernels.Mandelbrot), ("binarytrees", Kernels.BinaryTrees), ("sieve", Kernels.Sieve),
            ("matmul", Kernels.MatMul), ("sort", Kernels.Sort), ("dictionary", Kernels.Dictionary),
            ("strings", Kernels.Strings), ("regex", Kernels.Regexes), ("fib", Kernels.Fib),
            ("queens", Kernels.Queens), ("crc", Kernels.Crc), ("collatz", Kernels.Collatz), ("goto", Kernels.Gotos),
        ];
        foreach ((string name, Func<string> run) in kernels)
        {
            if (args.Length == 0 || args.Contains(name))
            {
                Console.WriteLine($"{name} {run()}");
            }
        }
    }
}
