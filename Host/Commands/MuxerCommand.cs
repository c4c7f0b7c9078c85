using System.CommandLine;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary>
/// Hidden: stands in for <c>dotnet</c> where a hosted program starts children (<c>run --children</c>). A command line that runs a program
/// (<c>[exec] [host options] App.dll args</c>) is run hosted with the parent's options; any other goes to the real muxer.
/// </summary>
internal static class MuxerCommand
{
    public const string Name = "muxer";

    // Host options of the muxer, all with a value, that may stand in front of the program.
    private static readonly string[] s_valued =
    [
        "--runtimeconfig", "--depsfile", "--additionalprobingpath", "--additional-deps", "--fx-version", "--roll-forward", "--roll-forward-on-no-candidate-fx",
    ];

    public static Command Create()
    {
        Command command = new(Name) { Hidden = true };
        command.SetAction(_ => Run(GuestArguments.Current));
        return command;
    }

    private static int Run(string[] args)
    {
        string muxer = Dotnet.Find();
        LaunchRequest? request = Read(args);
        if (request is null)
        {
            int errno = Native.Exec(muxer, args);
            throw new UserException(ExitCode.System, $"{muxer}: cannot be executed (error {errno}).");
        }

        try
        {
            return Launcher.Run(request);
        }
        catch (UserException)
        {
            // What cannot be hosted runs plain: the parent asked for a dotnet, not for a host.
            _ = Native.Exec(muxer, args);
            throw;
        }
    }

    /// <summary>What is to be hosted, or null if the command line is not one that runs a program in a way the host can imitate.</summary>
    internal static LaunchRequest? Read(string[] args)
    {
        string? config = null;
        string? deps = null;
        int i = args is ["exec", ..] ? 1 : 0;
        for (; i + 1 < args.Length && args[i].StartsWith('-'); i += 2)
        {
            switch (args[i])
            {
                case "--runtimeconfig":
                    config = Path.GetFullPath(args[i + 1]);
                    break;
                case "--depsfile":
                    deps = Path.GetFullPath(args[i + 1]);
                    break;
                default:
                    // Other host options change which frameworks or packages are found; they are left to the real one.
                    return null;
            }
        }

        if (i >= args.Length || !args[i].EndsWith(".dll", StringComparison.OrdinalIgnoreCase) || !File.Exists(args[i]))
        {
            return null;
        }

        string[] parent = (Environment.GetEnvironmentVariable(ChildHosting.OptionsVariable) ?? "").Split('\n');
        return new LaunchRequest
        {
            Target = args[i],
            GuestArguments = args[(i + 1)..],
            RuntimeConfig = config,
            DepsFile = deps,
            Scope = parent is ["app" or "all" or "none", ..] ? parent[0] : "app",
            Checks = parent is [_, "all"] ? "all" : "loops+cycles",
            Children = true,
        };
    }
}
