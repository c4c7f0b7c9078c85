using System.Globalization;
using System.Text;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>
/// What weaving adds to a build: a project of 500 source files with the package and the same project without it, turn and turn about,
/// compiled anew and with nothing to do. No compiler server and no build nodes: each build pays for all that it starts.
/// </summary>
internal static class BuildTime
{
    private static readonly Dictionary<string, string?> s_environment = new()
    {
        ["MSBUILDDISABLENODEREUSE"] = "1",
        ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
        ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        ["UseSharedCompilation"] = "false",
    };

    public static int Run(string[] args)
    {
        int files = args.FirstOrDefault(a => !a.StartsWith('-')) is { } count ? int.Parse(count, CultureInfo.InvariantCulture) : 500;
        int rounds = args.Contains("--quick") ? 3 : 9;
        string folder = Directory.CreateTempSubdirectory("ilpreempt-build-").FullName;
        try
        {
            foreach (string packed in (string[])["Runtime", "Weaver/Build"])
            {
                Dotnet("pack", Path.Combine(Repo.Root, packed), "-c", Repo.Configuration, "--no-build", "-o", folder + "/feed", "-p:PackageVersion=0.0.1-build", "-v", "q");
            }

            s_environment["NUGET_PACKAGES"] = folder + "/packages";
            string plain = Write(folder, "Plain", files, "");
            string woven = Write(folder, "Woven", files, """<PackageReference Include="ILPreempt.Build" Version="0.0.1-build" />""");
            List<Cost>[] full = [[], []], idle = [[], []];
            for (int round = -1; round < rounds; round++)
            {
                for (int turn = 0; turn < 2; turn++)
                {
                    int kind = (turn + round) & 1;
                    string project = kind == 0 ? plain : woven;
                    Cost changed = Build(project, "-t:Rebuild");
                    Cost same = Build(project);
                    if (round >= 0)
                    {
                        full[kind].Add(changed);
                        idle[kind].Add(same);
                    }
                }
            }

            string report = Dotnet("build", woven, "--no-restore", "-m:1", "-v:d", "-t:Rebuild").Split('\n').First(line => line.Contains("methods woven", StringComparison.Ordinal)).Trim();
            Console.WriteLine($"{files} source files, {new FileInfo(folder + "/Plain/obj/Debug/net10.0/Plain.dll").Length / 1e6:F2} MB; {report}");
            Console.WriteLine($"{"median of " + rounds,-20}{"plain ms",10}{"woven ms",10}{"more ms",10}{"more",8}{"more CPU ms",13}");
            Print("whole build", full);
            Print("nothing to do", idle);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    // The difference of the pairs, of which each lies together in time.
    private static void Print(string name, List<Cost>[] costs)
    {
        Cost plain = Cost.Median(costs[0]), woven = Cost.Median(costs[1]);
        double wall = Measure.Median(costs[0].Zip(costs[1], (a, b) => b.Wall - a.Wall));
        double share = Measure.Median(costs[0].Zip(costs[1], (a, b) => (b.Wall / a.Wall) - 1));
        double cpu = Measure.Median(costs[0].Zip(costs[1], (a, b) => b.Cpu - a.Cpu));
        Console.WriteLine($"{name,-20}{plain.Wall,10:F0}{woven.Wall,10:F0}{wall,10:F0}{share,8:P0}{cpu,13:F0}");
    }

    private static Cost Build(string project, params string[] arguments) =>
        Processes.Measure(Repo.Dotnet, ["build", project, "--no-restore", "-m:1", "-v:q", .. arguments], s_environment);

    private static string Dotnet(params string[] arguments)
    {
        ChildResult result = ChildProcess.Run(Repo.Dotnet, arguments, new ChildOptions { Environment = s_environment, Timeout = TimeSpan.FromMinutes(5) });
        return result.ExitCode == 0 ? result.StdOut : throw new InvalidOperationException(result.ToString());
    }

    private static string Write(string root, string name, int files, string reference)
    {
        string folder = Directory.CreateDirectory(Path.Combine(root, name)).FullName;
        string project = Path.Combine(folder, name + ".csproj");
        File.WriteAllText(Path.Combine(root, "nuget.config"), $"""<configuration><packageSources><add key="built" value="{root}/feed" /></packageSources></configuration>""");
        File.WriteAllText(project, $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>{reference}</ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), "Console.WriteLine(new Work0.Orders().Total());\n");
        for (int i = 0; i < files; i++)
        {
            File.WriteAllText(Path.Combine(folder, $"Work{i}.cs"), Source(i));
        }

        Dotnet("restore", project);
        return project;
    }

    // A middling class: properties, loops over collections, queries, an asynchronous method, a parser, and calls between files.
    private static string Source(int i)
    {
        StringBuilder text = new();
        text.Append($$"""
            namespace Work{{i}};

            public record Order(int Id, string Customer, decimal Price);

            public class Orders
            {
                private readonly List<Order> _orders = [];
                private readonly Dictionary<string, int> _counts = [];

                public int Count => _orders.Count;

                public string? Name { get; set; }

                public void Add(Order order)
                {
                    _orders.Add(order);
                    _counts[order.Customer] = _counts.GetValueOrDefault(order.Customer) + 1;
                }

                public decimal Total()
                {
                    decimal total = 0;
                    foreach (Order order in _orders)
                    {
                        total += order.Price * {{i + 1}};
                    }

                    return total;
                }

                public IEnumerable<string> Best(int n) => _orders.GroupBy(o => o.Customer).OrderByDescending(g => g.Sum(o => o.Price)).Take(n).Select(g => g.Key);

                public async Task<int> LoadAsync(TextReader reader)
                {
                    int lines = 0;
                    while (await reader.ReadLineAsync() is { } line)
                    {
                        string[] parts = line.Split(';');
                        if (parts.Length == 3 && int.TryParse(parts[0], out int id) && decimal.TryParse(parts[2], out decimal price))
                        {
                            Add(new Order(id, parts[1], price));
                            lines++;
                        }
                    }

                    return lines;
                }

            """);
        for (int k = 0; k < 8; k++)
        {
            text.Append($$"""

                    public int Rule{{k}}(ReadOnlySpan<char> text)
                    {
                        int value = {{k}};
                        for (int at = 0; at < text.Length; at++)
                        {
                            value = text[at] switch
                            {
                                >= '0' and <= '9' => (value * 10) + (text[at] - '0'),
                                'x' when value > {{i}} => value / 2,
                                ' ' => value,
                                _ => throw new FormatException($"{text[at]} at {at}"),
                            };
                        }

                        return value + (Name is null ? 0 : Rule{{(k + 1) % 8}}(Name));
                    }

                """);
        }

        return text.Append("}\n").ToString();
    }
}
