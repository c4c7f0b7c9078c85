namespace ILPreempt.Host.Launch;

/// <summary>Finds the muxer, the <c>dotnet</c> command that runs the guest: the one that runs us, or else where it is installed.</summary>
internal static class Dotnet
{
    /// <summary>The muxer's full path.</summary>
    public static string Find()
    {
        // A shim put in front of children (see ChildHosting) says where the real one is.
        string? told = Environment.GetEnvironmentVariable(ChildHosting.MuxerVariable);
        if (IsMuxer(told))
        {
            return told!;
        }

        if (IsMuxer(Environment.ProcessPath))
        {
            return Environment.ProcessPath!;
        }

        // The shared framework that we run on lies at <root>/shared/Microsoft.NETCore.App/<version>/.
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location) ?? "";
        string beside = Path.GetFullPath(Path.Combine(framework, "..", "..", "..", "dotnet"));
        if (IsMuxer(beside))
        {
            return beside;
        }

        string? host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH");
        if (IsMuxer(host))
        {
            return host!;
        }

        string? root = Environment.GetEnvironmentVariable("DOTNET_ROOT");
        if (root is { Length: > 0 } && IsMuxer(Path.Combine(root, "dotnet")))
        {
            return Path.Combine(root, "dotnet");
        }

        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            string candidate = Path.Combine(folder, "dotnet");
            if (IsMuxer(candidate))
            {
                return candidate;
            }
        }

        throw new UserException(ExitCode.Unavailable, "no `dotnet` found; set DOTNET_ROOT to the folder of a .NET 10 installation.");
    }

    private static bool IsMuxer(string? path) => path is not null && Path.GetFileName(path) == "dotnet" && File.Exists(path);
}
