using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using ILPreempt.Host.Cache;

namespace ILPreempt.Host.Launch;

/// <summary>
/// Which assemblies a program may load by name, as hostpolicy decides it from deps.json, runtimeconfig.json, NuGet folders,
/// runtime identifiers and version conflicts. Doing that here again would be a thousand lines that are wrong somewhere, so
/// hostpolicy is asked: this assembly is run under the program's own files and prints the list (45 ms), which is kept by the
/// content of what it depends on.
/// </summary>
internal static class TrustedList
{
    /// <summary>The only argument of the run that prints the list.</summary>
    public const string HiddenCommand = "--print-trusted-assemblies";

    // What steers hostfxr and hostpolicy from outside.
    private static readonly string[] s_variables =
    [
        "DOTNET_ROLL_FORWARD", "DOTNET_ROLL_FORWARD_TO_PRERELEASE", "DOTNET_ROLL_FORWARD_ON_NO_CANDIDATE_FX",
        "DOTNET_ADDITIONAL_DEPS", "DOTNET_SHARED_STORE", "NUGET_PACKAGES", "HOME",
    ];

    /// <summary>The variables above with their values, for keys.</summary>
    public static string EnvironmentKey()
    {
        StringBuilder text = new();
        foreach (string name in s_variables)
        {
            text.Append(Environment.GetEnvironmentVariable(name)).Append('\0');
        }

        return text.ToString();
    }

    /// <summary>The hidden command: prints the core library's path and then the trusted list.</summary>
    public static int Print()
    {
        using Stream output = Console.OpenStandardOutput();
        string list = typeof(object).Assembly.Location + "\n" + AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") + "\n";
        output.Write(Encoding.UTF8.GetBytes(list));
        return 0;
    }

    /// <summary>Asks hostpolicy, or the cache, for the list of <paramref name="guest"/>. Asking is mostly waiting: <paramref name="meanwhile"/> then runs on another thread.</summary>
    public static TrustedAssemblies Read(Guest guest, string muxer, CacheFolder cache, Action meanwhile)
    {
        string kept = cache.TrustedListFile(Key(guest, muxer));
        if (TryParse(guest, ReadLines(kept), allowMissing: false) is { } known)
        {
            return known;
        }

        _ = Task.Run(meanwhile);
        string text = Ask(guest, muxer);
        TrustedAssemblies fresh = TryParse(guest, text.Split('\n'), allowMissing: true)
            ?? throw new UserException(ExitCode.Unavailable, $"{guest.App}: `dotnet` did not say which assemblies it uses.");
        cache.WriteFile(kept, text);
        return fresh;
    }

    private static string[] ReadLines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static string Key(Guest guest, string muxer)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(guest.App + "\0" + muxer + "\0" + EnvironmentKey()));
        foreach (string file in (string[])[guest.RuntimeConfig, guest.RuntimeConfigDev, guest.DepsFile])
        {
            hash.AppendData(File.Exists(file) ? File.ReadAllBytes(file) : []);
            hash.AppendData("\0"u8);
        }

        // A newly installed framework changes its folder's time.
        foreach (string folder in FrameworkFolders(muxer))
        {
            hash.AppendData(BitConverter.GetBytes(Directory.GetLastWriteTimeUtc(folder).Ticks));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The folders that hold one subfolder per installed version of a framework.</summary>
    public static string[] FrameworkFolders(string muxer)
    {
        string real = File.ResolveLinkTarget(muxer, returnFinalTarget: true)?.FullName ?? muxer;
        string shared = Path.Combine(Path.GetDirectoryName(real)!, "shared");
        return Directory.Exists(shared) ? Directory.GetDirectories(shared) : [];
    }

    private static TrustedAssemblies? TryParse(Guest guest, string[] lines, bool allowMissing)
    {
        if (lines.Length < 2 || !File.Exists(lines[0]))
        {
            return null;
        }

        // <root>/shared/Microsoft.NETCore.App/10.0.x/System.Private.CoreLib.dll
        string shared = Path.GetFullPath(Path.Combine(lines[0], "..", "..", "..")) + "/";
        bool hasDeps = guest.HasDepsFile;
        List<string> framework = [];
        List<string> own = [];
        foreach (string file in lines[1].Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            if (file.StartsWith(shared, StringComparison.Ordinal))
            {
                framework.Add(file);
            }
            else if (hasDeps)
            {
                // hostpolicy lists what deps.json promises; a program that never uses a missing file runs without it.
                if (!allowMissing && !File.Exists(file))
                {
                    return null;
                }

                own.Add(file);
            }
        }

        if (!hasDeps)
        {
            // Without a deps.json hostpolicy trusts every assembly in the program's folder.
            own.AddRange(Directory.EnumerateFiles(guest.Folder, "*.dll"));
        }

        if (!own.Contains(guest.App))
        {
            // Started by its path, whether trusted or not.
            own.Add(guest.App);
        }

        return new TrustedAssemblies(own, framework);
    }

    private static string Ask(Guest guest, string muxer)
    {
        ProcessStartInfo info = new(muxer) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        string[] arguments = guest.HasDepsFile
            ? ["exec", "--runtimeconfig", guest.RuntimeConfig, "--depsfile", guest.DepsFile, HostFiles.Host, HiddenCommand]
            : ["exec", "--runtimeconfig", guest.RuntimeConfig, HostFiles.Host, HiddenCommand];
        foreach (string argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        info.Environment.Remove("DOTNET_STARTUP_HOOKS");
        using Process process = Process.Start(info)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new UserException(ExitCode.Unavailable, $"{guest.App}: {Explain(error.Result, process.ExitCode)}");
    }

    // What plain `dotnet` would say over several lines, as one.
    private static string Explain(string error, int exitCode)
    {
        if (error.Contains("System.Runtime, Version=", StringComparison.Ordinal))
        {
            return "runs on a .NET older than 10, which the scheduler needs; set DOTNET_ROLL_FORWARD=Major or retarget it to net10.0.";
        }

        string line = string.Join(' ', error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        return $"`dotnet` cannot start it either (exit {exitCode}): {line}";
    }
}

/// <summary>What hostpolicy trusts for one program.</summary>
/// <param name="Own">Assemblies of the program and its packages.</param>
/// <param name="Framework">Assemblies of the shared frameworks.</param>
internal sealed record TrustedAssemblies(IReadOnlyList<string> Own, IReadOnlyList<string> Framework);
