using ILPreempt.Host.Launch;
using ILPreempt.Weaver;
using ILPreempt.Weaver.Resolving;

namespace ILPreempt.Build;

/// <summary>
/// One run of the weaver in a build. It is a program that the targets start with MSBuild's own Exec task, not a task of its own: a task
/// would share a process, and in Visual Studio a runtime, with whatever Cecil other packages bring, would keep its files locked in build
/// nodes that live on, and would have to be built for two runtimes. A process costs a tenth of a second, and only in builds that compile.
/// </summary>
/// <remarks>
/// Each output appears whole or not at all, and the stamp last. An assembly that is left alone has no output: the target then goes on
/// with the original. The exit code is 0 whenever the log says what is wrong; anything else is a bug, which the target reports.
/// </remarks>
internal static class BuildRun
{
    /// <summary>Weaves what the response file names.</summary>
    public static int Start(string responseFile)
    {
        WeaveRequest request;
        try
        {
            request = WeaveRequest.Read(responseFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            Console.WriteLine(BuildLog.Line(responseFile, "error", BuildCodes.FileTrouble, $"cannot be read: {e.Message} Delete the obj folder and build again."));
            return 0;
        }

        BuildLog log = new(Console.Out, request);
        try
        {
            CheckSettings(request, log);
            if (!log.HasErrors)
            {
                Weave(request, log);
            }

            if (!log.HasErrors)
            {
                // Not empty: cutting an empty file to nothing leaves its time as it was.
                File.WriteAllText(request.Stamp, WeaverOptions.WeaverVersion + "\n");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Error(BuildCodes.FileTrouble, e.Message + " Make the obj folder writable, or delete it.");
        }

        return 0;
    }

    /// <summary>Somebody has called it by hand.</summary>
    public static int Usage()
    {
        Console.Error.WriteLine("ILPreempt.Build: is started by a build; use `ilpreempt weave` to weave one file.");
        return (int)ExitCode.Usage;
    }

    // At run time a value that cannot be read is only reported; a build can refuse it.
    private static void CheckSettings(WeaveRequest request, BuildLog log)
    {
        if (request.Checks is not ("loops+cycles" or "all"))
        {
            log.Error(BuildCodes.BadSetting, $"ILPreemptChecks: '{request.Checks}' is not loops+cycles or all.");
        }

        foreach ((string name, string value) in request.Settings)
        {
            string property = name.Replace(".", "", StringComparison.Ordinal);
            string option = "--" + name[(name.IndexOf('.') + 1)..];
            try
            {
                Setting.All.FirstOrDefault(setting => setting.OptionName.Equals(option, StringComparison.OrdinalIgnoreCase))?.Validate(property, value);
            }
            catch (UserException mistake)
            {
                log.Error(BuildCodes.BadSetting, mistake.Message);
            }
        }
    }

    private static void Weave(WeaveRequest request, BuildLog log)
    {
        Nursery.Open(request.Items.Select(item => item.Input));
        using ReferenceSet references = new(request.References);
        WeaverOptions options = new() { Checks = request.Checks == "all" ? CheckPlacement.All : CheckPlacement.LoopsAndCycles };
        AssemblyWeaver weaver = new(options, references) { MayUseThreadPool = true };
        HashSet<string> kept = new(StringComparer.Ordinal);
        foreach (WeaveItem item in request.Items)
        {
            WeaveReport? report = WeaveOne(weaver, item, request, log);
            if (report?.Outcome == WeaveOutcome.Woven)
            {
                kept.Add(item.Output);
                kept.Add(Path.Combine(Path.GetDirectoryName(item.Output)!, report.SymbolFile ?? ""));
            }
        }

        DeleteOthers(request, kept);
    }

    private static WeaveReport? WeaveOne(AssemblyWeaver weaver, WeaveItem item, WeaveRequest request, BuildLog log)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(item.Output)!);
            if (!request.AreDependencies)
            {
                CheckSymbols(Path.ChangeExtension(item.Input, ".pdb"));
            }

            WeaveReport report = weaver.WeaveFile(item.Input, item.Output, isEntryAssembly: !request.AreDependencies);
            log.Summary(report);
            foreach (WeaveNote note in report.Notes)
            {
                log.Note(note, report.Assembly, isOwn: !request.AreDependencies);
            }

            return report;
        }
        catch (WeaveException mistake) when (request.AreDependencies && File.Exists(item.Input))
        {
            log.Warning(BuildCodes.DependencyLeftAlone, $"{mistake.Message} It is used as it is.");
        }
        catch (WeaveException mistake)
        {
            log.Error(BuildCodes.FileTrouble, mistake.Message);
        }

        return null;
    }

    // The weaver does without symbols that it cannot read. In a build they may only be in use by somebody, and they would be missing
    // until the next compilation.
    private static void CheckSymbols(string file)
    {
        try
        {
            using FileStream? opened = File.Exists(file) ? File.OpenRead(file) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeaveException($"{file}: cannot be read: {e.Message}", e);
        }
    }

    // What an earlier build left: a dependency that is gone, symbols that are now embedded, an assembly that is now left alone.
    private static void DeleteOthers(WeaveRequest request, HashSet<string> kept)
    {
        foreach (string folder in request.Items.Select(item => Path.GetDirectoryName(item.Output)!).Distinct().Where(Directory.Exists))
        {
            foreach (string file in Directory.EnumerateFiles(folder).Where(file => file.EndsWith(".dll", StringComparison.Ordinal) || file.EndsWith(".pdb", StringComparison.Ordinal)))
            {
                if (!kept.Contains(file))
                {
                    File.Delete(file);
                }
            }
        }
    }
}
