using ILPreempt.Runtime;
using Library;

// On one processor and with checks only, Sleep ends because the other goroutine is preempted.
Goroutine.Start(() => Work.Spin());
Goroutine.Sleep(TimeSpan.FromMilliseconds(20));
Work.Stop = true;
Console.WriteLine($"goroutine {Goroutine.CurrentId}");
try
{
    Work.Fail();
}
catch (InvalidOperationException e)
{
    Console.WriteLine(e.StackTrace!.Split('\n')[0].Trim());
}

Console.WriteLine($"procs {Goroutine.MaxProcs()}, woven library {IsWoven(typeof(Work))}");

static bool IsWoven(Type type) => type.Assembly.GetCustomAttributesData().Any(a => a.ConstructorArguments is [{ Value: "ILPreempt.Woven" }, ..]);
