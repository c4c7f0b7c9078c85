using System.CommandLine;
using System.Text.Json;
using ILPreempt.Host.Launch;
using ILPreempt.Weaver;
using ILPreempt.Weaver.Resolving;
using ILPreempt.Weaver.Verification;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt weave IN.dll -o OUT.dll [--verify] [--report json] [--checks loops+cycles|all]</c>.</summary>
internal static class WeaveCommand
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    /// <summary>Makes the command for the root command's list.</summary>
    public static Command Create()
    {
        Argument<FileInfo> input = new("IN.dll") { Description = "The assembly to weave." };
        Option<FileInfo?> output = new("--output", "-o") { Description = "Where the woven assembly goes, with its .pdb beside it." };
        Option<bool> verify = new("--verify") { Description = "JIT-compile every method of both assemblies and compare what is refused." };
        Option<string> report = new("--report") { Description = "How to report: text or json.", DefaultValueFactory = _ => "text" };
        report.AcceptOnlyFromAmong("text", "json");
        Option<string> checks = new("--checks") { Description = "Where checks go: loops+cycles, or all (as Go does).", DefaultValueFactory = _ => "loops+cycles" };
        checks.AcceptOnlyFromAmong("loops+cycles", "all");

        // The child's side of --verify.
        Option<FileInfo?> sweep = new("--sweep-references") { Hidden = true };
        Command command = new("weave", "Weaves one assembly.") { input, output, verify, report, checks, sweep };
        command.SetAction(parsed =>
        {
            string file = parsed.GetRequiredValue(input).FullName;
            if (parsed.GetValue(sweep) is { } references)
            {
                return JitVerifier.Main([references.FullName, file]);
            }

            if (parsed.GetValue(output) is not { } target)
            {
                throw new UserException(ExitCode.Usage, "weave: -o OUT.dll is missing; say where the woven assembly goes.");
            }

            WeaverOptions options = new() { Checks = parsed.GetValue(checks) == "all" ? CheckPlacement.All : CheckPlacement.LoopsAndCycles };
            return Weave(file, target.FullName, options, parsed.GetValue(verify), parsed.GetValue(report) == "json", parsed.InvocationConfiguration.Output);
        });
        return command;
    }

    private static int Weave(string input, string output, WeaverOptions options, bool verify, bool json, TextWriter writer)
    {
        if (!File.Exists(input))
        {
            throw new UserException(ExitCode.NoInput, $"{input}: no such file.");
        }

        if (!Directory.Exists(Path.GetDirectoryName(output)))
        {
            throw new UserException(ExitCode.CannotCreate, $"--output {output}: the folder does not exist; make it first.");
        }

        Nursery.Open([input]);
        string[] references = [.. ReferencesOf(input)];
        using ReferenceSet set = new(references);
        WeaveReport report;
        try
        {
            report = new AssemblyWeaver(options, set) { MayUseThreadPool = true }.WeaveFile(input, output, isEntryAssembly: true);
        }
        catch (WeaveException mistake)
        {
            throw new UserException(ExitCode.Data, mistake.Message);
        }

        IReadOnlyList<string>? differences = null;
        if (verify && report.Outcome == WeaveOutcome.Woven)
        {
            JitVerifier verifier = new([Dotnet.Find(), "exec", HostFiles.Host, "weave", "--sweep-references"]);
            differences = verifier.Compare(input, output, references);
        }

        if (json)
        {
            writer.WriteLine(JsonSerializer.Serialize(new { report, differences }, s_json));
        }
        else
        {
            Print(report, differences, writer);
        }

        return differences is { Count: > 0 } ? (int)ExitCode.Data : 0;
    }

    private static void Print(WeaveReport report, IReadOnlyList<string>? differences, TextWriter writer)
    {
        if (report.Outcome == WeaveOutcome.Woven)
        {
            writer.WriteLine($"{report.Assembly}: {report.MethodsChanged} of {report.Methods} methods changed in {report.Milliseconds:0} ms");
            writer.WriteLine($"  checks     {report.LoopChecks} in loops, {report.StripMinedLoopChecks} in counted loops, {report.PrologueChecks} in prologues");
            writer.WriteLine($"  redirects  {report.Redirects}");
            writer.WriteLine($"  no-preempt {report.NoPreemptRegions}");
        }
        else
        {
            writer.WriteLine($"{report.Assembly}: left alone, nothing was written");
        }

        foreach (WeaveNote note in report.Notes)
        {
            writer.WriteLine($"  {note.Code}: {note.Text}{(note.Method is null ? "" : " " + note.Method)}");
        }

        if (differences is not null)
        {
            writer.WriteLine(differences.Count == 0 ? "  verified: the JIT treats both alike" : "  NOT VERIFIED:");
            foreach (string difference in differences)
            {
                writer.WriteLine("    " + difference);
            }
        }
    }

    // What lies beside the assembly comes before the frameworks, as it would when the program runs.
    private static IEnumerable<string> ReferencesOf(string input)
    {
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string[] folders =
        [
            Path.GetDirectoryName(input)!,
            framework,
            Path.Combine(framework, "..", "..", "Microsoft.AspNetCore.App", Path.GetFileName(framework)),
        ];
        return folders.Where(Directory.Exists).SelectMany(folder => Directory.EnumerateFiles(folder, "*.dll").Order(StringComparer.Ordinal)).Append(HostFiles.Runtime);
    }
}
