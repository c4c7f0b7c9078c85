using System.Text;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

// A scanner, a parser and an object graph both ways, with anchors, errors and their positions.
ISerializer serializer = new SerializerBuilder().WithNamingConvention(CamelCaseNamingConvention.Instance).Build();
IDeserializer deserializer = new DeserializerBuilder().WithNamingConvention(CamelCaseNamingConvention.Instance).Build();
return await Rounds.Run(args, () =>
{
    Service[] services = [.. Enumerable.Range(0, 60).Select(i => new Service
    {
        Name = $"service {i}",
        Ports = [.. Enumerable.Range(8000, i % 5)],
        Settings = Enumerable.Range(0, 4).ToDictionary(j => $"key{j}", j => j == 2 ? "multi\nline: text" : $"value {i * j}"),
        Enabled = i % 2 == 0,
        Ratio = i / 7.0,
    })];
    services[5].Next = services[3];
    services[6].Next = services[3];
    string yaml = serializer.Serialize(services);
    Service[] back = deserializer.Deserialize<Service[]>(yaml);
    YamlStream stream = new();
    StringBuilder documents = new();
    for (int i = 0; i < 20; i++)
    {
        documents.Append($"---\n- &a {{x: {i}, y: [1, 2, *b]}}\n".Replace("*b", "3")).Append("- *a\n- >\n  folded\n  text\n- |2\n    kept\n");
    }

    stream.Load(new StringReader(documents.ToString()));
    string error;
    try
    {
        deserializer.Deserialize<Service[]>("- name: a\n  ports: [1, x]\n");
        error = "none";
    }
    catch (YamlException e)
    {
        error = $"{e.Start} {e.Message}";
    }

    return $"{Rounds.Sum(yaml)}\nback {back.Sum(s => s.Ports.Count)} {ReferenceEquals(back[5].Next, back[6].Next)} {serializer.Serialize(back) == yaml}\ndocuments {stream.Documents.Count}, nodes {stream.Documents.Sum(d => d.AllNodes.Count())}\n{error}";
});

internal sealed class Service
{
    public string Name { get; set; }

    public List<int> Ports { get; set; }

    public Dictionary<string, string> Settings { get; set; }

    public bool Enabled { get; set; }

    public double Ratio { get; set; }

    public Service Next { get; set; }
}
