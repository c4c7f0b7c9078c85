using Newtonsoft.Json;
using Newtonsoft.Json.Converters;
using Newtonsoft.Json.Linq;
using Newtonsoft.Json.Serialization;

// Reflection, emitted accessors, converters, references, LINQ to JSON, dynamic, from many threads.
JsonSerializerSettings settings = new()
{
    ContractResolver = new CamelCasePropertyNamesContractResolver(),
    Converters = { new StringEnumConverter(), new IsoDateTimeConverter() },
    PreserveReferencesHandling = PreserveReferencesHandling.Objects,
    TypeNameHandling = TypeNameHandling.Auto,
    Formatting = Formatting.Indented,
};
return await Rounds.Run(args, async () =>
{
    Node root = Build(null, 6, 1);
    string json = JsonConvert.SerializeObject(root, settings);
    Node back = JsonConvert.DeserializeObject<Node>(json, settings);
    string[] again = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => Rounds.Sum(JsonConvert.SerializeObject(back.Children[i % 3], settings)))));
    JObject tree = JObject.Parse(json);
    JToken[] found = [.. tree.SelectTokens("$..children[?(@.weight > 5)]")];
    dynamic view = tree;
    view.added = new JArray(1, "two", null, 3.5);
    string merged = ((JObject)tree.DeepClone()).ToString(Formatting.None);
    string error;
    try
    {
        JsonConvert.DeserializeObject<Node>("{ \"weight\": \"heavy\" }");
        error = "none";
    }
    catch (JsonReaderException e)
    {
        error = e.Message;
    }

    return $"{Rounds.Sum(json)}\n{string.Join('\n', again.Distinct())}\nfound {found.Length}\nsame {ReferenceEquals(back, back.Children[0].Parent)}\nmerged {Rounds.Sum(merged)}\nadded {view.added[1]}\nerror {error}";
});

static Node Build(Node parent, int depth, int weight)
{
    Node node = depth % 2 == 0 ? new Node() : new Leaf { Extra = weight * 1.1m };
    (node.Parent, node.Weight, node.Kind, node.Since) = (parent, weight % 11, (Kind)(weight % 3), new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddDays(weight));
    node.Notes = Enumerable.Range(0, depth).ToDictionary(i => $"k{i}", i => (object)(i % 2 == 0 ? i : $"v{i}"));
    node.Children = depth == 0 ? [] : [.. Enumerable.Range(1, 3).Select(i => Build(node, depth - 1, (weight * 3) + i))];
    return node;
}

internal enum Kind
{
    Small,
    Middle,
    Large,
}

internal class Node
{
    public Node Parent { get; set; }

    public int Weight { get; set; }

    public Kind Kind { get; set; }

    public DateTime Since { get; set; }

    public Dictionary<string, object> Notes { get; set; }

    public List<Node> Children { get; set; }
}

internal sealed class Leaf : Node
{
    public decimal Extra { get; set; }
}
