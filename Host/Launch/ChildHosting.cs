using ILPreempt.Host.Cache;

namespace ILPreempt.Host.Launch;

/// <summary>
/// <c>--children</c>: a folder with a script named <c>dotnet</c> goes in front of PATH and into DOTNET_HOST_PATH, so that a
/// guest which starts a .NET child by the muxer starts it hosted. The script hands everything to the hidden command
/// <c>muxer</c>, which understands the muxer's own options. A child started through its native launcher (apphost) runs plain.
/// </summary>
internal static class ChildHosting
{
    /// <summary>Holds the real muxer for processes that find the shim under its name.</summary>
    public const string MuxerVariable = "ILPREEMPT_MUXER";

    /// <summary>Hands the parent's choices to its children.</summary>
    public const string OptionsVariable = "ILPREEMPT_CHILDREN";

    /// <summary>Sets the variables that children inherit.</summary>
    public static void Prepare(string muxer, CacheFolder cache, LaunchRequest request)
    {
        string folder = $"{cache.Root}/shim-{LaunchRecord.ShortHash(HostFiles.Folder)}";
        string shim = folder + "/dotnet";
        if (!File.Exists(shim))
        {
            Directory.CreateDirectory(folder);
            string unfinished = cache.TemporaryName();
            File.WriteAllText(unfinished, $"#!/bin/sh\nexec \"${MuxerVariable}\" exec '{HostFiles.Host.Replace("'", "'\\''")}' muxer \"$@\"\n");
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(unfinished, (UnixFileMode)0b111_101_101);
            }

            File.Move(unfinished, shim, overwrite: true);
        }

        Native.SetEnvironment(MuxerVariable, muxer);
        Native.SetEnvironment(OptionsVariable, $"{request.Scope}\n{request.Checks}");
        Native.SetEnvironment("DOTNET_HOST_PATH", shim);
        string path = Environment.GetEnvironmentVariable("PATH") ?? "";
        if (!path.StartsWith(folder + ":", StringComparison.Ordinal))
        {
            Native.SetEnvironment("PATH", folder + ":" + path);
        }
    }
}
