// Brings a System.Text.Json that is newer than the framework's: the program's own must win.
using System.Text.Json;
using System.Text.Json.Nodes;

Console.WriteLine(typeof(JsonSerializer).Assembly.FullName);
Console.WriteLine(typeof(JsonSerializer).Assembly.Location.StartsWith(AppContext.BaseDirectory));
Console.WriteLine(typeof(System.Text.Encodings.Web.JavaScriptEncoder).Assembly.FullName);
JsonNode node = JsonNode.Parse("""{"a":[1,2,3],"b":{"c":"d"}}""");
node["b"]["e"] = new JsonArray(1, "x", null);
Console.WriteLine(node.ToJsonString());
Dictionary<string, List<int>> map = Enumerable.Range(0, 50).ToDictionary(i => $"k{i}", i => Enumerable.Range(0, i).ToList());
string text = JsonSerializer.Serialize(map);
Console.WriteLine($"{text.Length} {JsonSerializer.Deserialize<Dictionary<string, List<int>>>(text).Values.Sum(v => v.Sum())}");
await using MemoryStream stream = new();
await JsonSerializer.SerializeAsync(stream, map);
Console.WriteLine(stream.Length);
