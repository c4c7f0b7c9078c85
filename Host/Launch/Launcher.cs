using ILPreempt.Host.Cache;

namespace ILPreempt.Host.Launch;

/// <summary>
/// Turns this process into the guest: makes sure that an up-to-date mirror of the program exists and execs
/// <c>dotnet exec --runtimeconfig .. --depsfile MIRROR/App.deps.json MIRROR/App.dll args</c>. Since it is an exec, the
/// process id, signals, standard streams, current folder and exit code are the program's own; a host that stays in front as a
/// parent would have to imitate each of them. The way through here for a program that has run before touches no JSON, no
/// hashing and no weaver: a few dozen stat calls.
/// </summary>
internal static class Launcher
{
    private const ulong DefaultStack = 256 << 20;

    /// <summary>Does not return when all goes well.</summary>
    public static int Run(LaunchRequest request)
    {
        string app = ProjectBuild.IsProject(request.Target) ? ProjectBuild.Build(request.Target, request.Verbose) : FullPath(request.Target);
        Guest guest = Guest.Of(app, request.RuntimeConfig, request.DepsFile);
        CacheFolder cache = CacheFolder.Default();
        string muxer = Dotnet.Find();
        string key = string.Join(
            '\t', guest.App, guest.RuntimeConfig, guest.DepsFile, request.Scope, request.Checks, muxer, HostFiles.Folder, TrustedList.EnvironmentKey());

        if (request.Verbose)
        {
            Console.Error.WriteLine($"ilpreempt: {RuntimeConfig.DescribePool(guest.RuntimeConfig)}");
        }

        LaunchRecord record = LaunchRecord.TryRead(cache, key, request.Verbose) ?? MirrorBuilder.Build(guest, muxer, cache, key, request);
        return Exec(muxer, record, cache, request);
    }

    private static int Exec(string muxer, LaunchRecord record, CacheFolder cache, LaunchRequest request)
    {
        List<string> arguments = [.. record.ExecArguments, .. request.GuestArguments];

        // For the hook in the guest, which removes it: the stack limit that its children should see, and the hooks of the
        // environment that must not run in a program that has hooks switched off.
        ulong? oldStack = Native.RaiseStackLimit(StackSize());
        string? hooks = record.HooksOff ? Environment.GetEnvironmentVariable("DOTNET_STARTUP_HOOKS") : null;
        Native.SetEnvironment("ILPREEMPT_LAUNCH", $"{oldStack}\n{hooks}");
        if (hooks is not null)
        {
            Native.UnsetEnvironment("DOTNET_STARTUP_HOOKS");
        }

        if (request.Children)
        {
            ChildHosting.Prepare(muxer, cache, request);
        }

        if (request.Verbose)
        {
            Console.Error.WriteLine($"ilpreempt: {muxer} {string.Join(' ', arguments)}");
        }

        int errno = Native.Exec(muxer, arguments);
        throw new UserException(ExitCode.System, $"{muxer}: cannot be executed (error {errno}).");
    }

    private static ulong StackSize()
    {
        string? text = Environment.GetEnvironmentVariable("ILPREEMPT_STACK");
        return text is { Length: > 0 } && Setting.TryStack(text, out long bytes) ? (ulong)bytes : DefaultStack;
    }

    private static string FullPath(string target)
    {
        string full = Path.GetFullPath(target);
        if (!File.Exists(full))
        {
            throw new UserException(ExitCode.NoInput, Directory.Exists(full)
                ? $"{target}: holds no project file; give a program's .dll or a folder with one .csproj, .fsproj or .vbproj."
                : $"{target}: no such file; give a program's .dll or its project folder.");
        }

        // As the muxer does: the program is where its file really is.
        return File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
    }
}
