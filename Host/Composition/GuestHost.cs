using ILPreempt.Runtime.Loading;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ILPreempt.Host.Composition;

/// <summary>
/// The host as it lives in a guest's process: configuration, logging, lifetime, and the scheduler's and the diagnostics' services, composed
/// by Microsoft.Extensions.Hosting in the host's own load context. It is a lodger: it never touches Ctrl-C, SIGTERM or the exit code,
/// ends with the process without being asked, and writes to standard error only what was asked for. Made by HostBridge, late and
/// on a thread of its own, only when it has something to do.
/// </summary>
internal sealed class GuestHost
{
    private readonly IHost _host;

    public GuestHost()
    {
        HostApplicationBuilder builder = new(new HostApplicationBuilderSettings
        {
            // No appsettings.json, command line or variables of the guest: those are the guest's.
            DisableDefaults = true,
            ApplicationName = "ilpreempt",
            ContentRootPath = Runtime.Loading.Launch.HostFolder,
        });
        builder.Configuration.AddEnvironmentVariables("ILPREEMPT_");
        builder.Logging.SetMinimumLevel(Level(builder.Configuration["LOG"]));
        builder.Logging.AddProvider(new StandardErrorLogging());
        builder.Services.AddSingleton<IHostLifetime, GuestLifetime>();
        builder.Services.AddHostedService<SchedulerService>();
        builder.Services.AddHostedService<AssemblyAuditService>();
        _host = builder.Build();
        _host.Start();
    }

    private static LogLevel Level(string? text) => Enum.TryParse(text, ignoreCase: true, out LogLevel level) ? level : LogLevel.Information;

    /// <summary>The guest's life is the host's; nobody is waited for at either end.</summary>
    private sealed class GuestLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>Log lines by one write(2) each: the guest's Console is not initialised for them.</summary>
    private sealed class StandardErrorLogging : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new Lines(categoryName[(categoryName.LastIndexOf('.') + 1)..]);

        public void Dispose()
        {
        }

        private sealed class Lines(string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                HostLog.Write($"{category}: {formatter(state, exception)}{(exception is null ? "" : ": " + exception.Message)}");
        }
    }
}
