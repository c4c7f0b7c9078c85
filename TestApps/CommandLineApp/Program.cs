// A command with options, subcommands, tables and trees, and ways to fail.
using System.CommandLine;
using Spectre.Console;

Option<int> count = new("--count", "-c") { Description = "How many rows.", DefaultValueFactory = _ => 3 };
Argument<string[]> names = new("names") { Arity = ArgumentArity.ZeroOrMore };
Command table = new("table", "Prints a table.") { count, names };
table.SetAction(result =>
{
    Table t = new Table().AddColumns("n", "square", "name");
    string[] given = result.GetValue(names) ?? [];
    for (int i = 0; i < result.GetValue(count); i++)
    {
        t.AddRow(i.ToString(), (i * i).ToString(), given.ElementAtOrDefault(i) ?? "-");
    }
    AnsiConsole.Write(t);
    return 0;
});
Command tree = new("tree", "Prints a tree.");
tree.SetAction(_ =>
{
    Tree t = new("root");
    for (int i = 0; i < 3; i++) { t.AddNode($"node {i}").AddNode($"leaf {i}"); }
    AnsiConsole.Write(t);
    AnsiConsole.MarkupLine("[bold red]marked[/] up");
});
Command wait = new("wait", "Waits without blocking.");
wait.SetAction(async (_, token) => { await Task.Delay(5, token); Console.WriteLine("waited"); return 9; });
Command fail = new("fail", "Throws.");
fail.SetAction((ParseResult _) => { if (count is not null) { throw new InvalidOperationException("wanted failure"); } });
RootCommand root = new("A sample command.") { table, tree, wait, fail };
return args is ["crash", ..] ? throw new Exception("wanted crash") : root.Parse(args).Invoke();
