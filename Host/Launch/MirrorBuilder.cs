using ILPreempt.Host.Cache;

namespace ILPreempt.Host.Launch;

/// <summary>
/// Builds the folder that stands in for the program's own: links to every file of it, the woven assemblies in their places, its
/// deps.json with ILPreempt.Runtime added and its runtimeconfig.json with the hook. hostpolicy takes the folder of the depsfile
/// for the program's root, so the woven copies are what the Default context trusts, under the program's own frameworks and its
/// own versions of everything. Rejected, after trying on real programs: handing woven assemblies over from a Resolving
/// handler (MSBuild loads the original by path; a NuGet copy newer than the framework's loses), and a woven folder beside
/// the program's own depsfile (silently runs the original).
/// </summary>
internal sealed class MirrorBuilder
{
    private readonly Guest _guest;
    private readonly string _appFolder;
    private readonly CacheFolder _cache;
    private readonly string _mirror;

    // Where a woven assembly goes, relative to the mirror -> its entry in the store.
    private readonly Dictionary<string, StoredAssembly> _placed = [];

    // Where a rewritten pdb replaces the program's own.
    private readonly HashSet<string> _symbols = [];

    // Folders of the program that hold a woven assembly; all others are linked to as a whole.
    private readonly HashSet<string> _realFolders = [""];

    // Mirror path -> original, for assemblies from outside the program's folder.
    private readonly List<string> _moved = [];
    private readonly List<string> _frameworkFiles = [];
    private readonly Dictionary<string, string> _watched = [];

    private MirrorBuilder(Guest guest, CacheFolder cache, string key)
    {
        _guest = guest;
        _appFolder = guest.Folder;
        _cache = cache;

        // Unwoven code sees the mirror's path, and some derive a name from it: the last part is the original's.
        string leaf = Path.GetFileName(_appFolder) is { Length: > 0 } name ? name : "root";
        _mirror = $"{cache.Mirrors}/{LaunchRecord.ShortHash(key)}/{Guid.NewGuid():N}/{leaf}";
    }

    /// <summary>Weaves what is not yet woven, builds the mirror, and records both for the next start.</summary>
    public static LaunchRecord Build(Guest guest, string muxer, CacheFolder cache, string key, LaunchRequest request)
    {
        MirrorBuilder builder = new(guest, cache, key);

        // Fingerprints come before the reading: a file that changes meanwhile is then seen at the next start.
        builder.Watch(guest.App, guest.RuntimeConfig, guest.RuntimeConfigDev, guest.DepsFile);
        builder.Watch(muxer, HostFiles.Host, HostFiles.Runtime, HostFiles.Weaver);
        builder.Watch(TrustedList.FrameworkFolders(muxer));
        Target.Inspect(guest);
        cache.Create();
        TrustedAssemblies trusted = TrustedList.Read(guest, muxer, cache, () => WeaveRun.WarmUp(guest, request));
        builder.Watch([.. trusted.Own]);
        builder.Weave(trusted, request);
        LaunchRecord record = builder.WriteMirror(request);
        record.Write(cache, key, builder._watched);
        if (!File.Exists(HostFiles.SignalHelper))
        {
            Console.Error.WriteLine($"ilpreempt: there is no {HostFiles.SignalHelper}: goroutines are stopped at checks only (said once per program).");
        }

        MirrorSweeper.Sweep(cache, LaunchRecord.ShortHash(key), record.Mirror);
        return record;
    }

    private void Watch(params ReadOnlySpan<string> paths)
    {
        foreach (string path in paths)
        {
            _watched[path] = LaunchRecord.Fingerprint(path);
        }
    }

    private void Weave(TrustedAssemblies trusted, LaunchRequest request)
    {
        if (request.Scope == "none")
        {
            return;
        }

        List<string> inputs = [.. trusted.Own.Where(file => Path.GetFileName(file) != "ILPreempt.Runtime.dll" && File.Exists(file))];
        if (request.Scope == "all")
        {
            inputs.AddRange(trusted.Framework.Where(file => Path.GetFileName(file) != "System.Private.CoreLib.dll"));
        }

        foreach ((string original, StoredAssembly woven) in WeaveRun.All(inputs, _guest.App, [.. trusted.Own, .. trusted.Framework], _cache, request))
        {
            if (woven.Assembly is not null)
            {
                Place(original, woven, trusted);
            }
        }
    }

    private void Place(string original, StoredAssembly woven, TrustedAssemblies trusted)
    {
        string name = Path.GetFileName(original);
        if (original.StartsWith(_appFolder + "/", StringComparison.Ordinal))
        {
            string relative = original[(_appFolder.Length + 1)..];
            _placed[relative] = woven;
            if (woven.Symbols is not null)
            {
                _symbols.Add(Path.Combine(Path.GetDirectoryName(relative)!, Path.GetFileName(woven.Symbols)));
            }

            for (string? folder = Path.GetDirectoryName(relative); folder is { Length: > 0 }; folder = Path.GetDirectoryName(folder))
            {
                _realFolders.Add(folder);
            }

            return;
        }

        // From a NuGet folder or a framework: hostpolicy looks for it in the program's root first.
        _placed[name] = woven;
        _moved.Add($"{_mirror}/{name}\t{original}");
        if (!trusted.Own.Contains(original))
        {
            _frameworkFiles.Add(name);
        }
    }

    private LaunchRecord WriteMirror(LaunchRequest request)
    {
        string app = _guest.App;
        bool inFolder = Path.GetDirectoryName(app) == _appFolder;
        string mirrorApp = $"{_mirror}/{Path.GetFileName(app)}";
        string mirrorConfig = $"{_mirror}/{Path.GetFileName(_guest.RuntimeConfig)}";
        string mirrorDeps = $"{_mirror}/{Path.GetFileName(_guest.DepsFile)}";

        Fill("", [Path.GetFileName(app), Path.GetFileName(mirrorConfig), Path.GetFileName(mirrorDeps), "ILPreempt.Runtime.dll"]);
        if (!_placed.ContainsKey(Path.GetFileName(app)))
        {
            // The muxer follows a link and would take the original's folder for the program's.
            File.Copy(app, mirrorApp);
            if (!inFolder)
            {
                _moved.Add($"{mirrorApp}\t{app}");
            }
        }

        if (File.Exists(_guest.RuntimeConfigDev) && !File.Exists(Path.ChangeExtension(mirrorConfig, ".dev.json")))
        {
            File.CreateSymbolicLink(Path.ChangeExtension(mirrorConfig, ".dev.json"), _guest.RuntimeConfigDev);
        }

        string runtime = $"{_mirror}/ILPreempt.Runtime.dll";
        File.Copy(HostFiles.Runtime, runtime);
        bool hooksOff = RuntimeConfig.WriteCopy(_guest.RuntimeConfig, mirrorConfig, (own, off) => LaunchText(own, off, request));
        List<string> exec = ["exec", "--runtimeconfig", mirrorConfig];
        if (_guest.HasDepsFile)
        {
            DepsFile.WriteCopy(_guest.DepsFile, mirrorDeps, _frameworkFiles);
            exec.AddRange(["--depsfile", mirrorDeps]);
            Watch(mirrorDeps);
        }

        exec.Add(mirrorApp);
        Watch(mirrorApp, mirrorConfig, runtime);
        return new LaunchRecord { ExecArguments = exec, Mirror = _mirror, HooksOff = hooksOff };
    }

    // One folder of the program: woven files, links to the rest, links to whole folders without woven files.
    private void Fill(string relative, HashSet<string> special)
    {
        string source = Path.Combine(_appFolder, relative);
        string mirror = Path.Combine(_mirror, relative);
        Directory.CreateDirectory(mirror);
        Watch(source);
        foreach (string entry in Directory.EnumerateFileSystemEntries(source))
        {
            string name = Path.GetFileName(entry);
            string inApp = relative.Length == 0 ? name : relative + "/" + name;
            string link = Path.Combine(mirror, name);
            if (_realFolders.Contains(inApp))
            {
                Fill(inApp, []);
            }
            else if (!_placed.ContainsKey(inApp) && !special.Contains(name) && !_symbols.Contains(inApp))
            {
                File.CreateSymbolicLink(link, entry);
            }
        }

        foreach ((string place, StoredAssembly woven) in _placed)
        {
            if ((Path.GetDirectoryName(place) ?? "") == relative)
            {
                string file = Path.Combine(_mirror, place);
                Native.LinkOrCopy(woven.Assembly!, file);
                Watch(file);
                if (woven.Symbols is not null)
                {
                    Native.LinkOrCopy(woven.Symbols, Path.Combine(Path.GetDirectoryName(file)!, Path.GetFileName(woven.Symbols)));
                }
            }
        }
    }


    // Read by Launch in the runtime, line by line; the two must agree on the order.
    private string LaunchText(string ownHooks, bool hooksOff, LaunchRequest request) => string.Join(
        '\n',
        [_mirror, _appFolder, _guest.App, HostFiles.Folder, _cache.Root, request.Scope, request.Checks, hooksOff ? "off" : "on", ownHooks, .. _moved]);
}
