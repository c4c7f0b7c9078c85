using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using ILPreempt.Runtime;

namespace ILPreempt.Benchmarks.Micro;

/// <summary>
/// Single mechanisms of the runtime by BenchmarkDotNet; its own options follow the command, for example <c>--filter '*Queues*'</c> or <c>--job short</c>. In this process:
/// the projects that BenchmarkDotNet generates would have to inherit the repository's settings.
/// </summary>
internal static class MicroCommand
{
    public static int Run(string[] args)
    {
        Goroutine.MaxProcs(1);
        string folder = Directory.CreateTempSubdirectory("ilpreempt-micro-").FullName;
        try
        {
            string[] filter = args.Any(a => a is "--filter" or "-f" or "--list") ? [] : ["--filter", "*"];
            BenchmarkSwitcher.FromAssembly(typeof(MicroCommand).Assembly).Run(
                [.. args, .. filter, "--inProcess"], ManualConfig.Create(DefaultConfig.Instance).WithArtifactsPath(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }
}
