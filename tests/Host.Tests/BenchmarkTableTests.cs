using System.Text.Json;
using System.Xml.Linq;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>The command that makes docs/benchmarks: its cheapest rows, into another folder. What it measures is nobody's business here.</summary>
public sealed class BenchmarkTableTests
{
    private static string Benchmarks => Path.Combine(Repo.Root, "tests", "Benchmarks", "bin", Repo.Configuration, "net10.0", "ILPreempt.Benchmarks.dll");

    [Fact]
    public void All_OfTheCheapestRows_WritesTableSamplesAndCharts()
    {
        using Sandbox sandbox = new();
        ChildResult result = ChildProcess.Run(Repo.Dotnet, [Benchmarks, "all", "--quick", "--no-go", "--output", sandbox.Folder, "--only", "startup", "yield-task", "gc-0"]);
        Assert.True(result.ExitCode == 0, result.ToString());

        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(sandbox.Folder, "benchmarks.json")));
        Assert.Equal(Environment.ProcessorCount, json.RootElement.GetProperty("machine").GetProperty("processors").GetInt32());
        JsonElement[] rows = [.. json.RootElement.GetProperty("rows").EnumerateArray()];
        Assert.Equal(["yield-task/ns", "startup/warm", "startup/cold", "gc-0/us"], rows.Select(r => r.GetProperty("key").GetString()));
        foreach (JsonElement row in rows)
        {
            foreach (string column in new[] { "ilpreempt", "dotnet" })
            {
                double[] samples = [.. row.GetProperty(column).GetProperty("samples").EnumerateArray().Select(s => s.GetDouble())];
                Assert.Contains(row.GetProperty(column).GetProperty("median").GetDouble(), samples);
            }

            Assert.Equal(JsonValueKind.Null, row.GetProperty("go").ValueKind);
        }

        string markdown = File.ReadAllText(Path.Combine(sandbox.Folder, "benchmarks.md"));
        string[] lines = [.. markdown.Split('\n').Where(l => l.StartsWith('|'))];
        Assert.Equal(2 + rows.Length, lines.Length);
        Assert.All(lines, l => Assert.Equal(lines[0].Count(c => c == '|'), l.Count(c => c == '|')));
        Assert.Contains(markdown.TrimEnd(), result.StdOut, StringComparison.Ordinal);
        Assert.Equal("svg", XDocument.Load(Path.Combine(sandbox.Folder, "benchmarks", "ratios.svg")).Root!.Name.LocalName);
    }

    [Fact]
    public void All_WithAnUnknownRow_NamesTheRows()
    {
        ChildResult result = ChildProcess.Run(Repo.Dotnet, [Benchmarks, "all", "--only", "nosuch"]);
        Assert.Equal(64, result.ExitCode);
        Assert.Contains("create-task", result.StdErr, StringComparison.Ordinal);
    }
}
