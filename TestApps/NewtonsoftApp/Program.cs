using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Newtonsoft.Json.Serialization;

Node tree = Grow(6);
string json = JsonConvert.SerializeObject(tree, Formatting.Indented, new JsonSerializerSettings { ContractResolver = new CamelCasePropertyNamesContractResolver(), TypeNameHandling = TypeNameHandling.Auto });
Node back = JsonConvert.DeserializeObject<Node>(json);
Console.WriteLine($"{json.Length} {Count(tree)} {Count(back)}");
JObject o = JObject.Parse("""{ "store": { "books": [ { "price": 5, "t": "a" }, { "price": 15, "t": "b" } ] } }""");
Console.WriteLine(string.Join(",", o.SelectTokens("$.store.books[?(@.price > 10)].t")));
Console.WriteLine(string.Join(",", from b in o["store"]["books"] orderby (int)b["price"] descending select (string)b["t"]));
try { JsonConvert.DeserializeObject<Node>("{ \"name\": [ }"); }
catch (JsonException e) { Console.WriteLine(e.Message); }
dynamic d = JsonConvert.DeserializeObject("{\"x\": {\"y\": 42}}");
Console.WriteLine((int)d.x.y);
Console.WriteLine(JsonConvert.SerializeXmlNode(Xml(), Formatting.None));
string[] parallel = Enumerable.Range(0, 64).AsParallel().AsOrdered().Select(i => JsonConvert.SerializeObject(new { i, square = i * i })).ToArray();
Console.WriteLine(parallel[63] + parallel.Sum(s => s.Length));

static System.Xml.XmlDocument Xml()
{
    System.Xml.XmlDocument x = new();
    x.LoadXml("<a b='1'><c>text</c></a>");
    return x;
}

static Node Grow(int n) => new() { Name = $"n{n}", Children = Enumerable.Range(0, n).Select(i => Grow(i)).ToList() };
static int Count(Node n) => 1 + n.Children.Sum(Count);

class Node
{
    public string Name { get; set; }
    public List<Node> Children { get; set; } = [];
}
