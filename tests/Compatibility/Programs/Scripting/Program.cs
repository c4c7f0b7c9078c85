using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;

// Roslyn compiles each submission and loads it from memory; state goes from one to the next.
ScriptOptions options = ScriptOptions.Default.WithImports("System", "System.Linq", "System.Collections.Generic").WithReferences(typeof(Enumerable).Assembly, typeof(Globals).Assembly);
return await Rounds.Run(args, async () =>
{
    List<string> said = [];
    Globals globals = new() { Limit = 2000 };
    ScriptState<object> state = await CSharpScript.RunAsync("int Square(int x) => x * x; var list = new List<int>();", options, globals);
    state = await state.ContinueWithAsync("for (int i = 0; i < Limit; i++) list.Add(Square(i)); record Point(int X, int Y);");
    state = await state.ContinueWithAsync("list.Sum(x => (long)x)");
    said.Add($"{state.ReturnValue}");
    state = await state.ContinueWithAsync("await System.Threading.Tasks.Task.Delay(1); new Point(1, 2) with { Y = 3 }");
    said.Add($"{state.ReturnValue}");
    state = await state.ContinueWithAsync("throw new InvalidOperationException(\"from a script\");", catchException: _ => true);
    said.Add($"{state.Exception?.GetType().Name} {state.Exception?.Message}, variables {string.Join(' ', state.Variables.Select(v => v.Name))}");
    try
    {
        await CSharpScript.EvaluateAsync("int x = \"text\";", options);
    }
    catch (CompilationErrorException e)
    {
        said.Add(e.Message);
    }

    int[] all = await Task.WhenAll(Enumerable.Range(1, 4).Select(i => Task.Run(() => CSharpScript.EvaluateAsync<int>($"Enumerable.Range(1, {i}).Aggregate(1, (a, b) => a * b)", options))));
    said.Add(string.Join(' ', all));
    return string.Join('\n', said);
});

public sealed class Globals
{
    public int Limit { get; set; }
}
