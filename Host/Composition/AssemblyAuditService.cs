using ILPreempt.Runtime.Loading;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ILPreempt.Host.Composition;

/// <summary>Says which assemblies of the guest run unwoven, as they come in. See <see cref="AssemblyAudit"/>.</summary>
internal sealed class AssemblyAuditService(ILogger<AssemblyAuditService> logger) : BackgroundService
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int told = 0;
        int lastTotal = -1;
        using PeriodicTimer timer = new(s_period);
        do
        {
            (int woven, int framework, string[] unwoven) = AssemblyAudit.Read();
            if (woven + framework + unwoven.Length != lastTotal)
            {
                lastTotal = woven + framework + unwoven.Length;
                logger.LogInformation("{Woven} assemblies woven, {Framework} of the frameworks, {Unwoven} unwoven", woven, framework, unwoven.Length);
            }

            for (; told < unwoven.Length; told++)
            {
                logger.LogInformation("runs unwoven: {Path}", unwoven[told]);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }
}
