using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace ILPreempt.TestUtils;

/// <summary>What a child process said and how it ended.</summary>
/// <param name="ExitCode">Its exit code; 128 + n after signal n.</param>
/// <param name="StdOut">All it wrote to standard output.</param>
/// <param name="StdErr">All it wrote to standard error.</param>
/// <param name="Elapsed">From start to exit.</param>
public sealed record ChildResult(int ExitCode, string StdOut, string StdErr, TimeSpan Elapsed)
{
    /// <summary>Exit code and both outputs, for assertion messages.</summary>
    public override string ToString() => $"exit {ExitCode}\n--- stdout\n{StdOut}--- stderr\n{StdErr}---";
}

/// <summary>How a child is run; every member has a usable default.</summary>
public sealed record ChildOptions
{
    /// <summary>Text for its standard input; the pipe is closed after it.</summary>
    public string Input { get; init; } = "";

    /// <summary>Its current folder; null = the test's.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Variables to set, or with a null value to remove, on top of the test's own environment.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>After this long the child and its descendants are killed and a <see cref="TimeoutException"/> says what it had written.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Called from a pool thread for each line of standard output, with the running child: the place to send a signal once the child says it is ready.</summary>
    public Action<ChildProcess, string>? OnOutputLine { get; init; }

    /// <summary>The same for standard error; the two may be called at the same time.</summary>
    public Action<ChildProcess, string>? OnErrorLine { get; init; }
}

/// <summary>
/// Child processes for tests: outputs are read to their end, every run has a deadline, nothing survives it.
/// </summary>
public sealed partial class ChildProcess
{
    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    /// <summary>The child's process id.</summary>
    public int Id => _process.Id;

    /// <summary>Runs a program to its end. Thread-safe.</summary>
    public static ChildResult Run(string fileName, IEnumerable<string> arguments, ChildOptions? options = null)
    {
        options ??= new ChildOptions();
        ProcessStartInfo info = new(fileName)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = options.WorkingDirectory ?? "",
        };
        foreach (string argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        RemoveTestHostVariables(info);
        foreach ((string name, string? value) in options.Environment)
        {
            info.Environment[name] = value;
        }

        Stopwatch clock = Stopwatch.StartNew();
        using Process process = Process.Start(info) ?? throw new InvalidOperationException($"{fileName} did not start.");
        ChildProcess child = new(process);
        StringBuilder output = new();
        StringBuilder error = new();
        Task readers = Task.WhenAll(
            ReadLines(process.StandardOutput, output, line => options.OnOutputLine?.Invoke(child, line)),
            ReadLines(process.StandardError, error, line => options.OnErrorLine?.Invoke(child, line)));
        try
        {
            process.StandardInput.Write(options.Input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // A child that ends without reading its input is a fair thing to test.
        }

        if (!process.WaitForExit(options.Timeout))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{fileName} {string.Join(' ', info.ArgumentList)} was still running after {options.Timeout.TotalSeconds} s.\n"
                + $"--- stdout\n{Snapshot(output)}--- stderr\n{Snapshot(error)}");
        }

        // A grandchild may hold the pipes open; it gets a moment, not for ever.
        readers.Wait(TimeSpan.FromSeconds(10));
        return new ChildResult(process.ExitCode, Snapshot(output), Snapshot(error), clock.Elapsed);
    }

    /// <summary>Runs <c>dotnet APP.dll arguments</c>.</summary>
    public static ChildResult Plain(string app, IEnumerable<string>? arguments = null, ChildOptions? options = null) =>
        Run(Repo.Dotnet, [app, .. arguments ?? []], options);

    /// <summary>Runs <c>ilpreempt run [runOptions] APP.dll arguments</c>.</summary>
    public static ChildResult Hosted(
        string app, IEnumerable<string>? arguments = null, ChildOptions? options = null, IEnumerable<string>? runOptions = null) =>
        Run(Repo.IlPreempt, ["run", .. runOptions ?? [], app, .. arguments ?? []], options);

    /// <summary>Sends a signal by number (2 = SIGINT, 15 = SIGTERM, 9 = SIGKILL).</summary>
    public void Signal(int signal)
    {
        if (Kill(_process.Id, signal) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    // The test host's own switches must not steer the programs under test.
    private static void RemoveTestHostVariables(ProcessStartInfo info)
    {
        foreach (string name in info.Environment.Keys.ToArray())
        {
            if (name.StartsWith("ILPREEMPT_", StringComparison.Ordinal) && name != "ILPREEMPT_CACHE"
                || name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)
                || name is "DOTNET_CLI_TELEMETRY_SESSIONID" or "DOTNET_STARTUP_HOOKS" or "MSBuildSDKsPath" or "MSBuildExtensionsPath")
            {
                info.Environment.Remove(name);
            }
        }
    }

    private static async Task ReadLines(StreamReader reader, StringBuilder text, Action<string> onLine)
    {
        while (await reader.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            lock (text)
            {
                text.Append(line).Append('\n');
            }

            onLine(line);
        }
    }

    private static string Snapshot(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}
