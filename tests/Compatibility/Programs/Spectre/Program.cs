using Spectre.Console;
using Spectre.Console.Rendering;

// Widgets, a live display and a progress bar, onto a terminal of a fixed size that is a string.
return await Rounds.Run(args, async () =>
{
    StringWriter screen = new();
    IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = AnsiSupport.Yes,
        ColorSystem = ColorSystemSupport.TrueColor,
        Interactive = InteractionSupport.Yes,
        Out = new Screen(screen),
    });
    Table table = new Table().Border(TableBorder.Rounded).Title("[bold]Live[/]").AddColumns("n", "square", "bar");
    await console.Live(table).StartAsync(async context =>
    {
        for (int i = 0; i < 25; i++)
        {
            table.AddRow($"[green]{i}[/]", $"{i * i}", new string('#', i % 10));
            context.Refresh();
            await Task.Yield();
        }
    });
    await console.Progress().AutoRefresh(false).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn()).StartAsync(async context =>
    {
        ProgressTask[] tasks = [.. Enumerable.Range(1, 4).Select(i => context.AddTask($"task {i}", maxValue: i * 10))];
        await Task.WhenAll(tasks.Select(task => Task.Run(() =>
        {
            while (!task.IsFinished)
            {
                task.Increment(1);
            }
        })));
        context.Refresh();
    });
    Tree tree = new("root");
    for (int i = 0; i < 10; i++)
    {
        tree.AddNode($"node {i}").AddNodes(Enumerable.Range(0, i).Select(j => $"[blue]leaf {j}[/]"));
    }

    console.Write(tree);
    console.Write(new Panel(new Markup("[underline red]wrapped[/] " + string.Join(' ', Enumerable.Range(0, 100)))));
    console.Write(new BarChart().Width(60).AddItem("a", 12, Color.Red).AddItem("b", 54, Color.Blue));
    console.Write(new FigletText("corpus"));
    console.Write(new Calendar(2024, 2).AddCalendarEvent(2024, 2, 29));
    Canvas canvas = new(32, 16);
    for (int i = 0; i < 16; i++)
    {
        canvas.SetPixel(i * 2, i, new Color((byte)(i * 16), 0, 255));
    }

    console.Write(canvas);
    string text = screen.ToString();
    return $"{Rounds.Sum(text)}\n{string.Join('\n', text.Split('\n').TakeLast(40).Select(l => l.Replace("\u001b", "^")))}";
});

internal sealed class Screen(TextWriter writer) : IAnsiConsoleOutput
{
    public TextWriter Writer => writer;

    public bool IsTerminal => true;

    public int Width => 80;

    public int Height => 200;

    public void SetEncoding(System.Text.Encoding encoding)
    {
    }
}
