// What a program finds around it after a second: whether the assembly of meters was loaded for it, and variables that are not its own.
// Computes meanwhile, collects once in the middle, and ends with the exit code that it was given.
using System.Diagnostics;

int code = args.Length > 0 ? int.Parse(args[0]) : 0;
long sum = Compute(0.6);
GC.Collect();
sum += Compute(0.6);
Console.WriteLine(AppDomain.CurrentDomain.GetAssemblies().Any(a => a.GetName().Name == "System.Diagnostics.DiagnosticSource"));
Console.WriteLine($"ILPREEMPT_TRACE={Environment.GetEnvironmentVariable("ILPREEMPT_TRACE")}");
Console.WriteLine($"ILPREEMPT_TRACE_DURATION={Environment.GetEnvironmentVariable("ILPREEMPT_TRACE_DURATION")}");
Console.WriteLine(sum >= 0);
return code;

static long Compute(double seconds)
{
    Stopwatch time = Stopwatch.StartNew();
    long sum = 0;
    while (time.Elapsed.TotalSeconds < seconds)
    {
        sum += time.ElapsedTicks & 1;
    }

    return sum;
}
