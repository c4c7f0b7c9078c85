using ILPreempt.Runtime;
using ILPreempt.Runtime.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ILPreempt.Host.Composition;

/// <summary>
/// The scheduler as a service of the composed host. It runs whether anybody composed it or not, since woven code calls it from the first
/// instruction of Main; what there is to do here is to say how it is set and what it came to.
/// </summary>
internal sealed class SchedulerService(ILogger<SchedulerService> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        logger.LogInformation(
            "maxprocs {MaxProcs}, slice {Slice} us, stack {Stack} MB, {Goroutines} goroutines",
            Settings.MaxProcs,
            Settings.SliceNs / 1000,
            Settings.StackBytes >> 20,
            Goroutine.Count);
        StallReport.Told = line => logger.LogWarning("{Stall}", line);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
