using System.Diagnostics;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks.Table;

/// <summary>Runs the programs that answer: TestApps, the Go program, and this one by one of its other commands.</summary>
internal static class Programs
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);

    /// <summary>One run of a program of TestApps or of its Go twin.</summary>
    /// <param name="column">Which.</param>
    /// <param name="app">The program under .NET.</param>
    /// <param name="ours">Arguments under ILPreempt, or null.</param>
    /// <param name="plain">Arguments under plain dotnet, or null.</param>
    /// <param name="go">Arguments for the Go program, or null.</param>
    /// <param name="processors">Ps, processors of .NET and GOMAXPROCS; 0 is all.</param>
    /// <param name="run">Options of <c>ilpreempt run</c>.</param>
    /// <param name="timeout">After which it is ended.</param>
    public static string? Output(
        Column column, string app, string? ours, string? plain, string? go, int processors = 0, string[]? run = null, TimeSpan? timeout = null)
    {
        string? text = column switch { Column.ILPreempt => ours, Column.Dotnet => plain, _ => go };
        string[] arguments = text?.Split(' ') ?? [];
        string number = processors.ToString(System.Globalization.CultureInfo.InvariantCulture);
        ChildOptions options = new()
        {
            Timeout = timeout ?? s_timeout,
            Environment = processors == 0 ? [] : new Dictionary<string, string?>
            {
                ["GOMAXPROCS"] = number,
                [column == Column.Dotnet ? "DOTNET_PROCESSOR_COUNT" : "ILPREEMPT_MAXPROCS"] = number,
            },
        };
        ChildResult? result = (text, column) switch
        {
            (null, _) => null,
            (_, Column.ILPreempt) => ChildProcess.Hosted(Repo.TestApp(app), arguments, options, run),
            (_, Column.Dotnet) => ChildProcess.Plain(Repo.TestApp(app), arguments, options),
            _ => GoPrograms.Program is string program ? ChildProcess.Run(program, arguments, options) : null,
        };
        return result is null || result.ExitCode == 0 ? result?.StdOut : throw new InvalidOperationException($"{column} {app} {text}: {result}");
    }

    /// <summary>This program by another of its commands, in a process of its own: the scheduler in it, and the JIT's state, are nobody else's.</summary>
    public static Answer? Inside(Column column, params string[] arguments)
    {
        if (column != Column.ILPreempt)
        {
            return null;
        }

        ChildResult result = ChildProcess.Run(Repo.Dotnet, [typeof(Programs).Assembly.Location, .. arguments], new ChildOptions { Timeout = TimeSpan.FromMinutes(3) });
        return result.ExitCode == 0 ? Answer.Parse(result.StdOut) : throw new InvalidOperationException($"{string.Join(' ', arguments)}: {result}");
    }
}
