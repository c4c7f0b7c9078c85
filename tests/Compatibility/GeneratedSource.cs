using System.Text;

namespace ILPreempt.Compatibility;

/// <summary>A C# program of a chosen size that uses most of the language, so that a compiler has something to chew on.</summary>
public static class GeneratedSource
{
    public static string CSharp(int classes)
    {
        StringBuilder text = new("using System;\nusing System.Collections.Generic;\nusing System.Linq;\nusing System.Threading.Tasks;\nnamespace Generated;\n\n");
        for (int i = 0; i < classes; i++)
        {
            text.Append($$"""
                public record Item{{i}}(int Id, string Name, double? Weight = null)
                {
                    public virtual int Score => Name.Length * {{i + 1}} + (Weight is { } w and > 1.5 ? (int)w : 0);
                }

                public class Box{{i}}<T> where T : notnull, IComparable<T>
                {
                    private readonly Dictionary<T, List<Item{{i}}>> _items = new();
                    public event EventHandler<T>? Added;
                    public void Add(T key, params Item{{i}}[] items)
                    {
                        if (!_items.TryGetValue(key, out var list)) { _items[key] = list = new(); }
                        foreach (var item in items) { list.Add(item); }
                        Added?.Invoke(this, key);
                    }
                    public IEnumerable<(T Key, int Sum)> Sums()
                    {
                        foreach (var (key, list) in _items.OrderBy(p => p.Key))
                        {
                            int sum = 0;
                            for (int k = 0; k < list.Count; k++) { sum = unchecked(sum * 31 + list[k].Score); }
                            yield return (key, sum);
                        }
                    }
                    public string Kind(object o) => o switch
                    {
                        int n when n > {{i}} => $"big {n}",
                        string { Length: > 3 } s => s.ToUpper(),
                        Item{{i}}(var id, _, null) => $"light {id}",
                        IEnumerable<int> many => string.Join(",", many.Where(x => x % 2 == 0).Select(x => x + {{i}})),
                        null => "nothing",
                        _ => o.GetType().Name,
                    };
                    public async Task<int> CountAsync()
                    {
                        int total = 0;
                        try
                        {
                            foreach (var (_, sum) in Sums()) { await Task.Yield(); total += sum; }
                        }
                        catch (InvalidOperationException e) when (e.Message.Length > 0) { total = -1; }
                        finally { total++; }
                        return total;
                    }
                    static Span<int> Scratch(Span<int> s) { for (int k = 0; k < s.Length; k++) { s[k] = k ^ {{i}}; } return s[..(s.Length / 2)]; }
                    public static int Fold() { Span<int> s = stackalloc int[16]; int r = 0; foreach (ref readonly int x in Scratch(s)) { r += x; } return r; }
                }


                """);
        }

        text.Append("public static class Entry\n{\n    public static async Task<int> Main()\n    {\n        long total = 0;\n");
        for (int i = 0; i < classes; i++)
        {
            text.Append($"        {{ var b = new Box{i}<string>(); b.Add(\"k\", new Item{i}({i}, \"n{i}\", {i}.5), new Item{i}(1, \"x\")); total += await b.CountAsync() + b.Kind(new[] {{ 1, 2, 3 }}).Length + Box{i}<int>.Fold(); }}\n");
        }

        return text.Append("        Console.WriteLine(total);\n        return 0;\n    }\n}\n").ToString();
    }

    public static string FSharp(int modules)
    {
        StringBuilder text = new("module Generated\n\n");
        for (int i = 0; i < modules; i++)
        {
            text.Append($$"""
                type Shape{{i}} = Circle{{i}} of float | Rect{{i}} of float * float | Group{{i}} of Shape{{i}} list
                let rec area{{i}} s =
                    match s with
                    | Circle{{i}} r -> r * r * 3.0
                    | Rect{{i}} (w, h) when w = h -> w * w
                    | Rect{{i}} (w, h) -> w * h
                    | Group{{i}} all -> all |> List.sumBy area{{i}}
                let work{{i}} n = async { let! x = async { return n + {{i}} } in return [ for k in 1..x do if k % 2 = 0 then yield k ] |> List.fold (+) 0 }


                """);
        }

        return text.Append("[<EntryPoint>]\nlet main _ =\n    printfn \"%f %d\" (area0 (Group0 [ Circle0 1.0; Rect0 (2.0, 3.0) ])) (work0 10 |> Async.RunSynchronously)\n    0\n").ToString();
    }
}
