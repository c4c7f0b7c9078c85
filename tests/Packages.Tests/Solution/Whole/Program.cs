using System.Reflection;
using ILPreempt.Runtime;

foreach (Type type in (Type[])[typeof(Raw.Work), typeof(Newtonsoft.Json.JsonConvert)])
{
    Console.WriteLine($"{type.Name} {type.Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Any(a => a.Key == "ILPreempt.Woven")}");
}

Goroutine.Start(() => Raw.Work.Spin());
Goroutine.Sleep(TimeSpan.FromMilliseconds(20));
Raw.Work.Stop = true;
Console.WriteLine(Newtonsoft.Json.JsonConvert.SerializeObject(1));
try
{
    Raw.Work.Fail();
}
catch (InvalidOperationException e)
{
    Console.WriteLine(e.StackTrace!.Split('\n')[0].Trim());
}
