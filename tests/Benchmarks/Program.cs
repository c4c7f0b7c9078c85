using ILPreempt.Benchmarks;

switch (args)
{
    case ["kernels", .. string[] rest]:
        return KernelOverhead.Run(rest);
    default:
        Console.Error.WriteLine("Usage: ILPreempt.Benchmarks kernels [--quick] [--no-strip] [NAME...]");
        return 64;
}
