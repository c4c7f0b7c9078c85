// What a program can see of its surroundings: each of these must be as under plain dotnet.
using System.Reflection;
using System.Runtime.InteropServices;

Console.WriteLine($"args: {string.Join("|", args)}");
Console.WriteLine($"command line: {string.Join("|", Environment.GetCommandLineArgs())}");
Console.WriteLine($"raw: {Environment.CommandLine}");
Console.WriteLine($"entry: {Assembly.GetEntryAssembly()!.FullName}");
Console.WriteLine($"entry location: {Assembly.GetEntryAssembly()!.Location}");
Console.WriteLine($"module: {typeof(Surroundings).Module.FullyQualifiedName}");
Console.WriteLine($"base: {AppContext.BaseDirectory}");
Console.WriteLine($"domain base: {AppDomain.CurrentDomain.BaseDirectory}");
Console.WriteLine($"friendly: {AppDomain.CurrentDomain.FriendlyName}");
Console.WriteLine($"directory: {Directory.GetCurrentDirectory()}");
Console.WriteLine($"process: {Environment.ProcessPath}");
Console.WriteLine($"framework: {RuntimeInformation.FrameworkDescription}, {AppContext.TargetFrameworkName}");
Console.WriteLine($"thread: {Environment.CurrentManagedThreadId} '{Thread.CurrentThread.Name}' pool {Thread.CurrentThread.IsThreadPoolThread} background {Thread.CurrentThread.IsBackground} {Thread.CurrentThread.GetApartmentState()}");
Console.WriteLine($"context: {SynchronizationContext.Current?.GetType().Name ?? "none"}, scheduler {TaskScheduler.Current.GetType().Name}");
Console.WriteLine($"processors at least one: {Environment.ProcessorCount >= 1}");
Console.WriteLine($"runtimeconfig: {AppContext.GetData("TopLevel.Setting")} invariant {AppContext.TryGetSwitch("System.Globalization.Invariant", out bool invariant) && invariant}");
Console.WriteLine($"hooks: '{AppContext.GetData("STARTUP_HOOKS")}' '{Environment.GetEnvironmentVariable("DOTNET_STARTUP_HOOKS")}'");
Console.WriteLine($"beside: {File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "beside.txt")).Trim()}");
Console.WriteLine($"frames: {new System.Diagnostics.StackTrace().FrameCount}");
Console.WriteLine($"redirected: {Console.IsInputRedirected} {Console.IsOutputRedirected}");
string line;
int lines = 0;
while ((line = Console.ReadLine()) is not null)
{
    Console.WriteLine($"stdin {++lines}: {line}");
}
AppDomain.CurrentDomain.ProcessExit += (_, _) => Console.WriteLine("process exit");
Console.Error.WriteLine("one line on stderr");
return args.Length;

class Surroundings;
