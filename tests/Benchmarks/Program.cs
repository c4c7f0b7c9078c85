using ILPreempt.Benchmarks;

switch (args)
{
    case ["kernels", .. string[] rest]:
        return KernelOverhead.Run(rest);
    case ["starvation", .. string[] rest]:
        return Starvation.Run(rest);
    case ["signals", .. string[] rest]:
        return SignalCost.Run(rest);
    default:
        Console.Error.WriteLine("Usage: ILPreempt.Benchmarks kernels [--quick] [--no-strip] [NAME...] | starvation [TIMES] | signals [--quick]");
        return 64;
}
