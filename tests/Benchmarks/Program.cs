using ILPreempt.Benchmarks;
using ILPreempt.Benchmarks.Micro;
using ILPreempt.Benchmarks.Table;

switch (args)
{
    case ["all", .. string[] rest]:
        return AllCommand.Run(rest);
    case ["micro", .. string[] rest]:
        return MicroCommand.Run(rest);
    case ["kernels", .. string[] rest]:
        return KernelOverhead.Run(rest);
    case ["starvation", .. string[] rest]:
        return Starvation.Run(rest);
    case ["signals", .. string[] rest]:
        return SignalCost.Run(rest);
    case ["wakeups", .. string[] rest]:
        return WakeupCost.Run(rest);
    case ["weaving", .. string[] rest]:
        return WeavingSpeed.Run(rest);
    case ["startup", .. string[] rest]:
        return StartupTime.Run(rest);
    case ["build", .. string[] rest]:
        return BuildTime.Run(rest);
    case ["dump", .. string[] rest]:
        return DumpTime.Run(rest);
    case ["tracing", .. string[] rest]:
        return TracingCost.Run(rest);
    case ["throughput", .. string[] rest]:
        return Throughput.Run(rest);
    default:
        Console.Error.WriteLine("""
            Usage: ILPreempt.Benchmarks all [--quick] [--only NAME...] [--no-go] [--output FOLDER]
                   ILPreempt.Benchmarks micro [BenchmarkDotNet's options]
                   ILPreempt.Benchmarks kernels [--quick] [--asked] [--no-strip] [NAME...]
                   ILPreempt.Benchmarks starvation [TIMES] | throughput [TIMES]
                   ILPreempt.Benchmarks signals [slowdown] [--quick]
                   ILPreempt.Benchmarks dump [--quick]
                   ILPreempt.Benchmarks tracing [--quick]
                   ILPreempt.Benchmarks wakeups [--quick]
                   ILPreempt.Benchmarks weaving [--quick] [ASSEMBLY...]
                   ILPreempt.Benchmarks startup [--quick] [APP.dll]
                   ILPreempt.Benchmarks build [--quick] [FILES]
            """);
        return 64;
}
