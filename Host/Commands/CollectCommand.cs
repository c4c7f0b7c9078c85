using System.CommandLine;
using ILPreempt.Diagnostics;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Host.Launch;
using Microsoft.Diagnostics.NETCore.Client;

namespace ILPreempt.Host.Commands;

/// <summary>
/// <c>ilpreempt collect PID</c>: a core file for <c>dump</c> and for .NET's own tools, without ptrace. A hosted process is copied through its
/// socket and goes on at once; any other .NET process writes the file itself, asked through its diagnostic port, and stands still
/// meanwhile. That way is not for hosted ones: it writes the whole reserve of each stack, 256 MB a goroutine.
/// </summary>
internal static class CollectCommand
{
    public static Command Create()
    {
        Argument<int> process = new("PID") { Description = "Any .NET process of yours." };
        Option<string?> output = new("--output", "-o") { Description = "The file (default: core_PID in the current folder)." };
        Option<bool> full = new("--full") { Description = "All memory instead of what managed code uses (processes that are not hosted)." };
        Command command = new("collect", "Writes a core file of a running process.") { process, output, full };
        command.SetAction(parsed => Collect(parsed.GetValue(process), parsed.GetValue(output), parsed.GetValue(full), parsed.InvocationConfiguration.Output));
        return command;
    }

    private static int Collect(int process, string? file, bool full, TextWriter output)
    {
        // The process writes it, and has another current folder.
        string path = Path.GetFullPath(file ?? $"core_{process}");
        if (!Directory.Exists(Path.GetDirectoryName(path)))
        {
            throw new UserException(ExitCode.CannotCreate, $"--output: there is no folder {Path.GetDirectoryName(path)}");
        }

        if (DoorClient.PathOf(process) != null)
        {
            return Copy(process, path, output);
        }

        try
        {
            new DiagnosticsClient(process).WriteDump(full ? DumpType.Full : DumpType.WithHeap, path);
        }
        catch (Exception e) when (e is ServerNotAvailableException or DiagnosticsClientException or IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.Unavailable, Directory.Exists($"/proc/{process}")
                ? $"process {process} writes no core file: {e.Message.ReplaceLineEndings(" ")} (it must be a .NET process of yours, without DOTNET_EnableDiagnostics=0)"
                : $"there is no process {process}");
        }

        return Done(path, output);
    }

    private static int Copy(int process, string path, TextWriter output)
    {
        try
        {
            ProcessReader.WriteCore(process, path);
            return Done(path, output);
        }
        catch (AttachException e)
        {
            throw new UserException(ExitCode.Unavailable, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(ExitCode.CannotCreate, $"--output: {path} cannot be written: {e.Message}");
        }
    }

    private static int Done(string path, TextWriter output)
    {
        output.WriteLine($"{path} {new FileInfo(path).Length / 1_000_000} MB");
        return 0;
    }
}
