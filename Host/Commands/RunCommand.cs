using System.CommandLine;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt run [options] App.dll|PROJECT [args]</c>: the main job.</summary>
internal static class RunCommand
{
    public const string Name = "run";

    private static readonly Argument<string> s_target = new("target")
    {
        Description = "The program's .dll, or a project file or folder, which is built first. Everything after it goes to the program.",
    };

    private static readonly Option<string?> s_weave = new("--weave")
    {
        Description = "What is made preemptible: app (default), all (the shared frameworks too), none.",
    };

    private static readonly Option<string?> s_checks = new("--checks")
    {
        Description = "Where checks go: loops+cycles (default), all.",
    };

    private static readonly Option<bool> s_children = new("--children")
    {
        Description = "Host the `dotnet` processes that the program starts, too.",
    };

    private static readonly Option<bool> s_verbose = new("--verbose")
    {
        Description = "Say on standard error what the host does.",
    };

    // Each of these is its ILPREEMPT_* variable, set for the guest.
    private static readonly SettingOption[] s_settings = Array.ConvertAll(Setting.All, setting => new SettingOption(setting));

    public static Command Create()
    {
        Command command = new(Name, "Runs a .NET program as preemptible goroutines.") { s_target, s_weave, s_checks, s_children, s_verbose };
        foreach (SettingOption option in s_settings)
        {
            command.Options.Add(option);
        }

        command.SetAction(Run);
        return command;
    }

    /// <summary>Whether the option <paramref name="token"/> is followed by a token that is its value.</summary>
    public static bool TakesValue(string token)
    {
        foreach (SettingOption option in s_settings)
        {
            if (option.Name == token)
            {
                return true;
            }
        }

        return token == s_weave.Name || token == s_checks.Name;
    }

    private static int Run(ParseResult parsed)
    {
        foreach (SettingOption option in s_settings)
        {
            Setting setting = option.Setting;
            if (parsed.GetValue(option) is { } value)
            {
                setting.Validate(option.Name, value);
                Native.SetEnvironment(setting.Variable, value);
            }
            else if (Environment.GetEnvironmentVariable(setting.Variable) is { Length: > 0 } inherited)
            {
                // It reaches the guest as it is, where a mistake could no longer be refused.
                setting.Validate(setting.Variable, inherited);
            }
        }

        if (parsed.GetValue(s_verbose))
        {
            Native.SetEnvironment("ILPREEMPT_LOG", "debug");
        }

        LaunchRequest request = new()
        {
            Target = parsed.GetValue(s_target)!,
            GuestArguments = GuestArguments.Current,
            Scope = Choice(s_weave, parsed, "app", "app", "all", "none"),
            Checks = Choice(s_checks, parsed, "loops+cycles", "loops+cycles", "all"),
            Children = parsed.GetValue(s_children),
            Verbose = parsed.GetValue(s_verbose),
        };
        return Launcher.Run(request);
    }

    private sealed class SettingOption : Option<string?>
    {
        public SettingOption(Setting setting)
            : base(setting.OptionName)
        {
            Setting = setting;
            Description = setting.Description;
        }

        public Setting Setting { get; }
    }

    private static string Choice(Option<string?> option, ParseResult parsed, string fallback, params ReadOnlySpan<string> choices)
    {
        string value = parsed.GetValue(option) ?? fallback;
        return choices.Contains(value)
            ? value
            : throw new UserException(ExitCode.Usage, $"{option.Name}: '{value}' is not one of {string.Join(", ", choices.ToArray())}.");
    }
}
