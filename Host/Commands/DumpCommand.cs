using System.CommandLine;
using System.Globalization;
using ILPreempt.Diagnostics;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Diagnostics.Views;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt dump PID|CORE</c>: every goroutine with its stack, as Go prints them, in other forms on demand.</summary>
internal static class DumpCommand
{
    private static readonly Argument<string> s_target = new("PID|CORE") { Description = "A process, or a core file." };

    private static readonly Option<string> s_format = new("--format")
    {
        Description = "text (default), go (exactly Go's form) or json.",
        DefaultValueFactory = _ => "text",
    };

    private static readonly Option<string> s_way = new("--via")
    {
        Description = "auto (default), socket (no ptrace, the process hardly stops) or attach.",
        DefaultValueFactory = _ => "auto",
    };

    private static readonly Option<bool> s_group = new("--group") { Description = "Goroutines with the same stack in one block." };
    private static readonly Option<long?> s_goroutine = new("--goroutine") { Description = "Only this one." };
    private static readonly Option<bool> s_all = new("--all") { Description = "With the scheduler's own frames." };
    private static readonly Option<bool> s_core = new("--core") { Description = "The argument is a core file, even if its name is a number." };
    private static readonly Option<string?> s_output = new("--output", "-o") { Description = "Write into this file." };

    public static Command Create()
    {
        Command dump = new("dump", "Prints the goroutines of a live process or a core file, with stacks.") { s_target, s_format, s_group, s_goroutine, s_way, s_all, s_core, s_output };
        dump.SetAction(Dump);
        return dump;
    }

    private static int Dump(ParseResult parsed)
    {
        string format = OneOf(parsed.GetValue(s_format)!, "--format", "text", "go", "json");
        ReadWay way = Enum.Parse<ReadWay>(OneOf(parsed.GetValue(s_way)!, "--via", "auto", "socket", "attach"), ignoreCase: true);
        ProcessSnapshot process = Read(parsed.GetValue(s_target)!, parsed.GetValue(s_core), way, parsed.GetValue(s_all));
        if (parsed.GetValue(s_goroutine) is long id)
        {
            process = process.Goroutines.Any(g => g.Id == id)
                ? process with { Goroutines = [.. process.Goroutines.Where(g => g.Id == id)], Threads = [] }
                : throw new UserException(ExitCode.Unavailable, $"process {process.ProcessId} has no goroutine {id}");
        }

        if (parsed.GetValue(s_output) is not string file)
        {
            Write(process, format, parsed.GetValue(s_group), parsed.InvocationConfiguration.Output);
            return 0;
        }

        try
        {
            using StreamWriter writer = new(file);
            Write(process, format, parsed.GetValue(s_group), writer);
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.CannotCreate, $"--output: {file} cannot be written: {e.Message}");
        }
    }

    private static ProcessSnapshot Read(string target, bool core, ReadWay way, bool all)
    {
        try
        {
            return !core && int.TryParse(target, NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                ? ProcessReader.Read(pid, way, all)
                : ProcessReader.ReadCore(target, all);
        }
        catch (AttachException e)
        {
            throw new UserException(ExitCode.Unavailable, e.Message);
        }
    }

    private static void Write(ProcessSnapshot process, string format, bool group, TextWriter output)
    {
        switch (format)
        {
            case "json":
                JsonText.Write(process, output);
                break;
            case "text" when group:
                GroupText.Write(process, output);
                break;
            default:
                GoText.Write(process, output, strict: format == "go");
                break;
        }
    }

    private static string OneOf(string value, string option, params ReadOnlySpan<string> known)
    {
        foreach (string k in known)
        {
            if (k == value)
            {
                return value;
            }
        }

        throw new UserException(ExitCode.Usage, $"{option}: '{value}' is not one of {string.Join(", ", known!)}");
    }
}
