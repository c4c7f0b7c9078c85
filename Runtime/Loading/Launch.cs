using System.Runtime.CompilerServices;
using ILPreempt.Runtime.Scheduling;

namespace ILPreempt.Runtime.Loading;

/// <summary>
/// What the launcher told the guest, and the undoing of all traces of it, so that the program sees what it would see under
/// plain <c>dotnet</c>: its own base folder, command line and environment. This runs in front of every program's Main: no
/// LINQ, no JSON, no collections that can wait until somebody needs them.
/// </summary>
/// <remarks>
/// The text of the property <c>ILPreempt.Launch</c> in the mirror's runtimeconfig.json, one item a line: mirror folder, program
/// folder, program file, host folder, cache folder, weaving scope, checks, whether startup hooks were on, the program's own
/// startup hooks, then one line <c>mirror path TAB original path</c> for each assembly from outside the program's folder.
/// </remarks>
internal static class Launch
{
    private const string Property = "ILPreempt.Launch";
    private const string StartProperty = "ILPreempt.Start";
    private const string Variable = "ILPREEMPT_LAUNCH";
    private const int FixedLines = 9;

    /// <summary>Whether the launcher started this process; false in a program woven at build time and run by plain <c>dotnet</c>.</summary>
    public static bool IsHosted { get; private set; }

    /// <summary>The folder of the program's mirror, without a slash at the end.</summary>
    public static string MirrorFolder { get; private set; } = "";

    /// <summary>The program's own folder, without a slash at the end.</summary>
    public static string AppFolder { get; private set; } = "";

    /// <summary>The folder of the host's own assemblies.</summary>
    public static string HostFolder { get; private set; } = "";

    /// <summary>The cache folder.</summary>
    public static string CacheFolder { get; private set; } = "";

    /// <summary><c>app</c>, <c>all</c> or <c>none</c>.</summary>
    public static string Scope { get; private set; } = "";

    /// <summary><c>loops+cycles</c> or <c>all</c>.</summary>
    public static string Checks { get; private set; } = "";

    /// <summary>Lines <c>mirror path TAB original path</c>.</summary>
    public static string[] MovedFiles { get; private set; } = [];

    /// <summary>Takes over what the launcher left for this process.</summary>
    public static void Attach()
    {
        if (AppContext.GetData(Property) is not string text)
        {
            // Tests woven by their build have the hook too: their Main is never called, and nobody else would start the scheduler.
            if (AppContext.GetData(StartProperty) is not null)
            {
                Scheduler.EnsureStarted();
            }

            return;
        }

        IsHosted = true;
        AppContext.SetData(Property, null);
        string[] lines = text.Split('\n');
        MirrorFolder = lines[0];
        AppFolder = lines[1];
        string app = lines[2];
        HostFolder = lines[3];
        CacheFolder = lines[4];
        Scope = lines[5];
        Checks = lines[6];
        bool hooksOff = lines[7] == "off";
        string ownHooks = lines[8];
        MovedFiles = lines[FixedLines..];

        AppContext.SetData("APP_CONTEXT_BASE_DIRECTORY", app[..(app.LastIndexOf('/') + 1)]);
        RestoreCommandLine(app);
        string? userHooks = RestoreEnvironment();
        RestoreHooks(hooksOff, ownHooks, userHooks);
        HostBridge.Start();
    }

    private static void RestoreCommandLine(string app)
    {
        try
        {
            ref string[]? arguments = ref CommandLineArguments(null);
            if (arguments is { Length: > 0 })
            {
                arguments[0] = app;
            }
        }
        catch (MissingFieldException)
        {
            // Another .NET without that field: the program sees the mirror's path there.
        }
    }

    // The property is the user's hooks from the environment, then the program's own, joined by a colon. Ours stands between them.
    private static void RestoreHooks(bool hooksOff, string ownHooks, string? userHooks)
    {
        userHooks ??= Environment.GetEnvironmentVariable("DOTNET_STARTUP_HOOKS");
        string hooks = string.IsNullOrEmpty(userHooks) ? ownHooks : ownHooks.Length == 0 ? userHooks : userHooks + ":" + ownHooks;
        AppContext.SetData("STARTUP_HOOKS", hooks.Length == 0 ? null : hooks);
        if (hooksOff)
        {
            AppContext.SetData("System.StartupHookProvider.IsSupported", "false");
        }
    }

    // Line 1: the soft stack limit as it was. Line 2: hooks of the environment that must not have run.
    private static string? RestoreEnvironment()
    {
        string? value = Environment.GetEnvironmentVariable(Variable);
        if (value is null)
        {
            return null;
        }

        LaunchNative.Unset(Variable);
        if (Environment.GetEnvironmentVariable(Variable) is not null)
        {
            // Somebody has already made .NET copy the environment.
            Environment.SetEnvironmentVariable(Variable, null);
        }

        int newline = value.IndexOf('\n');
        if (newline < 0)
        {
            return null;
        }

        if (ulong.TryParse(value.AsSpan(0, newline), out ulong oldLimit))
        {
            MainStack.Reserve(oldLimit);
        }

        if (newline + 1 == value.Length)
        {
            return null;
        }

        string hooks = value[(newline + 1)..];
        Environment.SetEnvironmentVariable("DOTNET_STARTUP_HOOKS", hooks);
        return hooks;
    }

    [UnsafeAccessor(UnsafeAccessorKind.StaticField, Name = "s_commandLineArgs")]
    private static extern ref string[]? CommandLineArguments([UnsafeAccessorType("System.Environment")] object? environment);
}
