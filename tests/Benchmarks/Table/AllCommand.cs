using System.Diagnostics;
using System.Globalization;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks.Table;

/// <summary>
/// All rows in one table, with two anchors: plain dotnet and Go. Each subject is run column by column and round by round (A B C A B C ...), so that
/// what the machine does meanwhile happens to all three; a ratio is that of one round. No figure is held against an absolute bar.
/// Three bounds keep it from running away: each child has a timeout, each subject a budget, and the whole a deadline, after which what is left
/// is told as not measured. A run that fails costs its own cell, never the table.
/// </summary>
internal static class AllCommand
{
    public static int Run(string[] args)
    {
        bool quick = args.Contains("--quick");
        int only = Array.IndexOf(args, "--only");
        string[] names = only < 0 ? [] : [.. args.Skip(only + 1).TakeWhile(a => !a.StartsWith('-'))];
        int output = Array.IndexOf(args, "--output");
        string docs = output < 0 ? Path.Combine(Repo.Root, "docs") : args[output + 1];
        // A whole name means itself, the beginning of one all that begin so.
        Subject[] all = [.. Subjects.All()];
        Subject[] subjects = [.. all.Where(s => names.Length == 0 || names.Any(n =>
            s.Name == n || (s.Name.StartsWith(n, StringComparison.Ordinal) && !all.Any(o => o.Name == n))))];
        if (subjects.Length == 0)
        {
            Console.Error.WriteLine($"No row's name begins with {string.Join(" or ", names)}; there are {string.Join(", ", all.Select(s => s.Name))}.");
            return 64;
        }

        string folder = Directory.CreateTempSubdirectory("ilpreempt-benchmarks-").FullName;
        GoPrograms.Folder = folder;
        GoPrograms.Off = args.Contains("--no-go");
        Environment.SetEnvironmentVariable("ILPREEMPT_CACHE", Path.Combine(folder, "cache"));
        try
        {
            Machine machine = Machine.Read(quick);
            IReadOnlyList<Result> results = Collect(subjects, quick);
            machine = machine with { LoadAfter = Machine.Load(), Seconds = Math.Round((DateTime.UtcNow - machine.Date).TotalSeconds) };
            Directory.CreateDirectory(docs);
            JsonReport.Write(Path.Combine(docs, "benchmarks.json"), machine, results);
            string markdown = Markdown.Write(Path.Combine(docs, "benchmarks.md"), machine, results, Plots.Write(Path.Combine(docs, "benchmarks"), results));
            Console.WriteLine(markdown);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    private static List<Result> Collect(Subject[] subjects, bool quick)
    {
        TimeSpan deadline = quick ? TimeSpan.FromMinutes(3) : TimeSpan.FromMinutes(20);
        Stopwatch clock = Stopwatch.StartNew();
        List<Result> all = [];
        _ = GoPrograms.Program;
        foreach (Subject subject in subjects)
        {
            Result[] results = [.. subject.Rows.Select(r => new Result(r))];
            all.AddRange(results);
            HashSet<Column> failed = [];
            TimeSpan from = clock.Elapsed;
            for (int round = 0; round < (quick ? 1 : subject.Rounds) && (round == 0 || clock.Elapsed - from < subject.Budget); round++)
            {
                foreach (Column column in Enum.GetValues<Column>())
                {
                    if (clock.Elapsed > deadline && round == 0)
                    {
                        failed.Add(column);
                        Note(results, "The time was up before it was measured.");
                    }

                    Ask(subject, column, quick, failed, results);
                }

                if (clock.Elapsed > deadline)
                {
                    break;
                }
            }

            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{clock.Elapsed.TotalSeconds,6:F0} s  {subject.Name} ({(clock.Elapsed - from).TotalSeconds:F1} s)"));
        }

        return all;
    }

    // What failed once is not tried again: a timeout in each round would eat everybody's time.
    private static void Ask(Subject subject, Column column, bool quick, HashSet<Column> failed, Result[] results)
    {
        Answer? answer = null;
        try
        {
            answer = failed.Contains(column) ? null : subject.Run(column, quick);
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException or IOException or FormatException or AggregateException or HttpRequestException)
        {
            failed.Add(column);
            Console.Error.WriteLine($"{subject.Name}, {column}: {e.Message}");
            Note(results, $"{column} failed: {e.Message.Split('\n')[0]}");
        }

        foreach (Result result in results)
        {
            result.Add(column, answer is not null && answer.Values.TryGetValue(result.Row.Key.Split('/')[1], out double value) ? value : double.NaN);
        }

        if (answer?.Note is string note)
        {
            Note(results, note);
        }
    }

    private static void Note(Result[] results, string note)
    {
        foreach (Result result in results)
        {
            result.Notes.Add(note);
        }
    }
}
