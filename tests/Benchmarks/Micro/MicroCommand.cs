using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using ILPreempt.Runtime;

namespace ILPreempt.Benchmarks.Micro;

/// <summary>
/// Single mechanisms of the runtime by BenchmarkDotNet; its own options follow the command, for example <c>--filter '*Queues*' --job short</c>. In this process:
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
            ManualConfig config = ManualConfig.Create(DefaultConfig.Instance).WithArtifactsPath(folder)
                .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).AsDefault());
            BenchmarkSwitcher.FromAssembly(typeof(MicroCommand).Assembly).Run(args.Length > 0 ? args : ["--filter", "*"], config);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }
}
