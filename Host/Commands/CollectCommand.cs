using System.CommandLine;
using ILPreempt.Host.Launch;
using Microsoft.Diagnostics.NETCore.Client;

namespace ILPreempt.Host.Commands;

/// <summary>
/// <c>ilpreempt collect PID</c>: a core file for <c>dump</c> and for .NET's own tools. The runtime writes it itself, asked through
/// its diagnostic port, so this command needs no right to trace; the process stands still while it writes.
/// </summary>
internal static class CollectCommand
{
    public static Command Create()
    {
        Argument<int> process = new("PID") { Description = "Any .NET process of yours." };
        Option<string?> output = new("--output", "-o") { Description = "The file (default: core_PID in the current folder)." };
        Option<bool> full = new("--full") { Description = "All memory instead of what managed code uses." };
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

        output.WriteLine($"{path} {new FileInfo(path).Length / 1_000_000} MB");
        return 0;
    }
}
