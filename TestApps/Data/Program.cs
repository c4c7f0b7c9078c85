// Everyday library code: LINQ, collections, JSON, XML, regex, text, files, compression, hashing, BigInteger, records, iterators.
using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.IO.Compression;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using System.Xml.Linq;

record Person(string Name, int Age, string[] Tags)
{
    [JsonIgnore] public int Twice => Age * 2;
}

record struct Point(int X, int Y)
{
    public static Point operator +(Point a, Point b) => new(a.X + b.X, a.Y + b.Y);
}

abstract record Shape;
record Circle(double R) : Shape;
record Rect(double W, double H) : Shape;

[JsonSerializable(typeof(Person))]
partial class Context : JsonSerializerContext;

partial class Program
{
    [GeneratedRegex(@"(\d+)-(\w+)")]
    private static partial Regex Pairs();

    static async Task<int> Main()
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        Linq();
        Json();
        Xml();
        Text();
        Collections();
        Patterns();
        await Files();
        Numbers();
        Iterators();
        return 0;
    }

    static void Linq()
    {
        Person[] people = Enumerable.Range(0, 200).Select(i => new Person($"p{i % 17}", i * 7 % 60, [$"t{i % 3}", $"u{i % 5}"])).ToArray();
        var groups = from p in people
                     where p.Age > 10
                     group p by p.Name into g
                     orderby g.Count() descending, g.Key
                     select $"{g.Key}:{g.Count()}:{g.Average(p => p.Age):F2}";
        Console.WriteLine(string.Join(" ", groups.Take(6)));
        Console.WriteLine(people.SelectMany(p => p.Tags).Distinct().Order().Aggregate((a, b) => a + b));
        Console.WriteLine(people.Join(people, p => p.Age, q => q.Twice, (p, q) => p.Age + q.Age).Sum());
        Console.WriteLine(string.Join(",", people.Chunk(50).Select(c => c.Max(p => p.Age))));
        Console.WriteLine(people.Zip(people.Skip(1)).Count(z => z.First.Age < z.Second.Age));
        Console.WriteLine(string.Join(",", people.CountBy(p => p.Age % 4).OrderBy(k => k.Key)));
    }

    static void Json()
    {
        Person p = new("Ann \u00e9 \"q\"", 33, ["x", "y"]);
        string text = JsonSerializer.Serialize(p);
        Person back = JsonSerializer.Deserialize<Person>(text);
        Console.WriteLine($"{text} {back.Name == p.Name} {back.Tags.Length}");
        Console.WriteLine(JsonSerializer.Serialize(p, Context.Default.Person) == text);
        using JsonDocument doc = JsonDocument.Parse("""{"a":[1,2,{"b":null}],"c":1.5e3}""");
        Console.WriteLine(string.Join(",", doc.RootElement.EnumerateObject().Select(x => x.Name + x.Value.ValueKind)));
        try { JsonSerializer.Deserialize<Person>("{ not json"); }
        catch (JsonException e) { Console.WriteLine(e.Message); }
        Dictionary<string, object> deep = new() { ["list"] = Enumerable.Range(0, 500).Select(i => new { i, s = new string('x', i % 9) }).ToArray() };
        Console.WriteLine(JsonSerializer.Serialize(deep, new JsonSerializerOptions { WriteIndented = true }).Length);
    }

    static void Xml()
    {
        XElement root = new("root", Enumerable.Range(0, 20).Select(i => new XElement("item", new XAttribute("n", i), i * i)));
        XElement parsed = XElement.Parse(root.ToString());
        Console.WriteLine(parsed.Elements().Where(e => (int)e.Attribute("n") % 2 == 0).Sum(e => (int)e));
    }

    static void Text()
    {
        string text = string.Concat(Enumerable.Range(0, 100).Select(i => $"{i}-word{i % 7};"));
        Console.WriteLine(Pairs().Replace(text, m => m.Groups[2].Value + m.Groups[1].Value)[..60]);
        Console.WriteLine(text.Split(';').GroupBy(s => s.Length).OrderBy(g => g.Key).Select(g => $"{g.Key}={g.Count()}").Aggregate((a, b) => $"{a} {b}"));
        Console.WriteLine($"{1234567.891:N2} {new DateTime(2024, 2, 29):yyyy-MM-dd ddd} {TimeSpan.FromMinutes(125):c} {0.1 + 0.2:R} {255:x4}");
        Console.WriteLine(Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16]);
        StringBuilder sb = new();
        foreach (Rune r in "a\u00e9\U0001F600z".EnumerateRunes()) { sb.Append(r.Value).Append(' '); }
        Console.WriteLine(sb);
    }

    static void Collections()
    {
        SortedDictionary<string, int> sorted = new(StringComparer.Ordinal);
        LinkedList<int> linked = new();
        PriorityQueue<int, int> queue = new();
        ImmutableDictionary<int, string> immutable = ImmutableDictionary<int, string>.Empty;
        BitArray bits = new(100);
        for (int i = 0; i < 300; i++)
        {
            sorted[$"k{i * 37 % 101}"] = i;
            if (i % 2 == 0) { linked.AddFirst(i); } else { linked.AddLast(i); }
            queue.Enqueue(i, i * 31 % 97);
            immutable = immutable.SetItem(i % 50, $"v{i}");
            bits[i * 3 % 100] ^= true;
        }
        int taken = 0;
        while (queue.TryDequeue(out int e, out int priority)) { taken = taken * 31 + e * priority; }
        FrozenSet<string> frozen = sorted.Keys.ToFrozenSet();
        HashSet<int> set = [.. linked.Where(x => x % 3 == 0)];
        set.SymmetricExceptWith(Enumerable.Range(0, 50));
        ConcurrentDictionary<int, int> concurrent = new(Enumerable.Range(0, 100).Select(i => KeyValuePair.Create(i, i)));
        Console.WriteLine($"{sorted.First()} {linked.First.Value} {linked.Last.Value} {taken} {immutable.Values.Sum(v => v.Length)} {bits.Cast<bool>().Count(b => b)} {frozen.Contains("k5")} {set.Count} {concurrent.Values.Sum()}");
        Stack<int> stack = new([1, 2, 3]);
        try { foreach (int x in stack) { stack.Push(x); } }
        catch (InvalidOperationException e) { Console.WriteLine(e.Message); }
        List<Point> points = [new(1, 2), new(3, 4)];
        Console.WriteLine(points.Aggregate((a, b) => a + b));
    }

    static double Area(Shape s) => s switch
    {
        Circle { R: > 10 } => -1,
        Circle c => c.R * c.R,
        Rect(0, _) or Rect(_, 0) => 0,
        Rect(var w, var h) when w == h => w * w,
        Rect r => r.W * r.H,
        _ => throw new ArgumentException(),
    };

    static void Patterns()
    {
        Console.WriteLine(string.Join(" ", new Shape[] { new Circle(2), new Circle(11), new Rect(0, 3), new Rect(4, 4), new Rect(2, 3) }.Select(Area)));
        Console.WriteLine(string.Join(" ", new int[][] { [1, 2, 3], [], [1], [9, 8, 7, 6] }.Select(a => a is [var first, .. var rest] ? $"{first}+{rest.Length}" : "empty")));
    }

    static async Task Files()
    {
        string folder = Directory.CreateTempSubdirectory("data").FullName;
        string path = Path.Combine(folder, "lines.txt");
        await File.WriteAllLinesAsync(path, Enumerable.Range(0, 1000).Select(i => $"line {i}"));
        int length = 0;
        await foreach (string line in File.ReadLinesAsync(path)) { length += line.Length; }
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true)) { gzip.Write(File.ReadAllBytes(path)); }
        packed.Position = 0;
        using StreamReader reader = new(new GZipStream(packed, CompressionMode.Decompress));
        string last = (await reader.ReadToEndAsync()).TrimEnd().Split('\n')[^1];
        Console.WriteLine($"{length} {last} {new FileInfo(path).Length} {Directory.GetFiles(folder).Length}");
        Directory.Delete(folder, true);
        try { File.ReadAllText(path); }
        catch (DirectoryNotFoundException) { Console.WriteLine("gone"); }
    }

    static void Numbers()
    {
        BigInteger factorial = Enumerable.Range(1, 60).Aggregate(BigInteger.One, (a, b) => a * b);
        decimal money = 0;
        for (int i = 1; i < 100; i++) { money += 1m / i; }
        Int128 wide = 1;
        for (int i = 0; i < 70; i++) { wide = wide * 3 % 1_000_000_000_007; }
        Console.WriteLine($"{factorial} {money} {wide} {Complex.Sqrt(-1)} {Vector.Dot(new Vector<int>(2), new Vector<int>(3)) / Vector<int>.Count}");
    }

    static IEnumerable<int> Walk(int n)
    {
        try
        {
            for (int i = 0; i < n; i++)
            {
                yield return i;
                foreach (int x in Walk(i / 2)) { yield return -x; }
            }
        }
        finally { s_walks++; }
    }

    static int s_walks;

    static void Iterators()
    {
        Console.WriteLine($"{Walk(12).Sum()} {Walk(12).Count()} {s_walks}");
        Console.WriteLine($"{Walk(50).Take(30).Last()} {s_walks}");
    }
}
