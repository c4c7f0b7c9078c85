using ILPreempt.TestUtils;

namespace ILPreempt.Compatibility;

/// <summary>The corpus: one row for each program. A folder in Programs needs a row; a test fails until it has one.</summary>
public static class Rows
{
    public static readonly Row[] All =
    [
        Program("Orleans", "a silo and its client over sockets: grains, storage, streams") with { Package = "Microsoft.Orleans.Server", Light = false },
        Program("Akka", "actors: ring, router, restarts, stash, timers, dispatcher with a thread of its own") with { Package = "Akka" },
        Program("Grpc", "server and client, all four kinds of call under load, deadlines") with { Package = "Grpc.AspNetCore" },
        Program("SignalR", "hub and twenty clients over WebSockets: groups, streams both ways") with { Package = "Microsoft.AspNetCore.SignalR.Client" },
        Program("EfCore", "model, queries, bulk changes, rollback and parallel readers on an SQLite file") with { Package = "Microsoft.EntityFrameworkCore.Sqlite" },
        Program("MinimalApi", "ASP.NET Core under load: binding, filters, caching, compression, blocking handlers"),
        Program("Jint", "a JavaScript engine: fib, sieve, bodies, generators, regular expressions") with { Package = "Jint" },
        Program("LiteDb", "a database in one file: indexes, transactions, eight writers, rebuild") with { Package = "LiteDB" },
        Program("Fluid", "Liquid templates, parsed and rendered by forty tasks") with { Package = "Fluid.Core" },
        Program("Markdig", "Markdown with all extensions, in parallel") with { Package = "Markdig" },
        Program("NUnit", "the engine of NUnit with three workers: fixtures, cases, retries, time limits") with { Package = "NUnit" },
        Program("Spectre", "live display, progress, widgets on a terminal of a fixed size") with { Package = "Spectre.Console" },
        Program("Newtonsoft", "references, converters, LINQ to JSON, dynamic") with { Package = "Newtonsoft.Json" },
        Program("Scripting", "Roslyn scripting: submissions compiled and loaded from memory") with { Package = "Microsoft.CodeAnalysis.CSharp.Scripting", Light = false },
        Program("Quartz", "a hundred jobs on timers") with { Package = "Quartz" },
        Program("Lucene", "indexing in parallel, merges, queries") with { Package = "Lucene.Net" },
        Program("Rx", "schedulers, time, subjects from many threads") with { Package = "System.Reactive" },
        Program("Dataflow", "a graph of bounded blocks, a fault that goes through it"),
        Program("Yaml", "object graphs both ways, streams, errors with positions") with { Package = "YamlDotNet" },
        Program("MessagePack", "emitted formatters, unions, LZ4, streams") with { Package = "MessagePack" },
        Program("BouncyCastle", "hashes, AES-GCM, Ed25519, scrypt, primes in managed code") with { Package = "BouncyCastle.Cryptography" },
        Program("Polly", "retries, breaker, time limits, bulkhead") with { Package = "Polly" },
        Program("Moq", "proxies and a container, emitted under contention") with { Package = "Moq" },
        Program("AngleSharp", "an HTML5 parser, selectors, changes of the tree") with { Package = "AngleSharp" },
        new("XunitV2", "the engine of xunit v2 on theories, fixtures, async, a skip and a failure", () => Repo.TestApp("XunitV2Tests"))
        {
            Package = "xunit",
            AtLeast = "ArithmeticTests",
            Light = true,
        },
        new("XunitV3", "an xunit v3 assembly, which is a program", () => Repo.TestApp("XunitV3Tests"))
        {
            Package = "xunit.v3",
            Prepare = _ => ["-parallel", "none", "-noColor"],
            AtLeast = "Failed: 1",
            Normalise = text => Difference.Sorted(Difference.Without(@"Time: [\d.]+s", @"ID = '\w+'")(text)),
            Light = true,
        },
        new("csc", "the C# compiler on 2000 lines with analyzers; the assembly and its symbols are the same", () => Sdk.Csc)
        {
            Prepare = folder =>
            {
                folder.Write("big.cs", GeneratedSource.CSharp(48));
                string config = folder.Write("rules.globalconfig", "is_global = true\ndotnet_analyzer_diagnostic.category-Performance.severity = warning\ndotnet_analyzer_diagnostic.category-Globalization.severity = warning\n");
                return
                [
                    "-noconfig", "-nostdlib", "-nologo", "-deterministic", "-optimize+", "-nullable:enable", "-t:exe", "-debug:portable",
                    .. Sdk.References.Select(r => $"-r:{r}"), .. Sdk.Analyzers.Select(a => $"-analyzer:{a}"),
                    $"-analyzerconfig:{config}", "-out:big.dll", "big.cs",
                ];
            },
            Products = ["big.dll", "big.pdb"],
            AtLeast = "warning CA",
            Normalise = Difference.Sorted, // diagnostics of concurrent analyzers come in no fixed order
            StressEvery = 1009,
            Light = true,
        },
        new("fsc", "the F# compiler", () => Sdk.Fsc)
        {
            Prepare = folder =>
            {
                folder.Write("big.fs", GeneratedSource.FSharp(40));
                return
                [
                    "--nologo", "--deterministic+", "--optimize+", "--targetprofile:netcore", "--noframework", "--simpleresolution",
                    .. Sdk.References.Select(r => $"-r:{r}"), $"-r:{Sdk.FSharpCore}", "-o:big.dll", "big.fs",
                ];
            },
            Products = ["big.dll"],
            StressEvery = 1009,
        },
        new("fsi", "F# Interactive loads what it has just compiled from bytes; they are woven on the way in", () => Sdk.Fsi)
        {
            Prepare = folder => ["--nologo", folder.Write("script.fsx", "let rec fib n = if n < 2 then n else fib (n - 1) + fib (n - 2)\nfor i in 1..10 do printfn \"%d\" (fib i)\nprintfn \"%d\" (List.sum [ 1..10 ])\n")],
            StressEvery = 1009,
        },
        new("MSBuild", "restores and builds a solution of two projects", () => Sdk.MSBuild)
        {
            Prepare = folder =>
            {
                foreach ((string name, string kind, string reference) in new[] { ("a", "Library", ""), ("p", "Exe", "<ProjectReference Include=\"../a/a.csproj\" />") })
                {
                    folder.Write($"{name}/{name}.csproj", $"""
                        <Project Sdk="Microsoft.NET.Sdk">
                          <PropertyGroup>
                            <OutputType>{kind}</OutputType>
                            <TargetFramework>net10.0</TargetFramework>
                            <UseAppHost>false</UseAppHost>
                            <NuGetAudit>false</NuGetAudit>
                          </PropertyGroup>
                          <ItemGroup>{reference}</ItemGroup>
                        </Project>
                        """);
                }

                folder.Write("a/a.cs", "public static class A { public static string Json(object o) => System.Text.Json.JsonSerializer.Serialize(o); }\n");
                folder.Write("p/p.cs", "int unused = 1;\nSystem.Console.WriteLine(A.Json(new { a = 1, b = \"x\" }));\n");
                folder.Write("all.slnx", "<Solution><Project Path=\"a/a.csproj\" /><Project Path=\"p/p.csproj\" /></Solution>");
                folder.Write("Directory.Build.props", "<Project />");
                folder.Write("Directory.Build.targets", "<Project />");
                return ["all.slnx", "-restore", "-nologo", "-v:m", "-tl:off", "-m:1", "-nodeReuse:false", "-p:UseSharedCompilation=false"];
            },
            Products = ["a/bin/Debug/net10.0/a.dll", "p/bin/Debug/net10.0/p.dll", "p/bin/Debug/net10.0/p.pdb"],
            AtLeast = "warning CS0219",
            Normalise = text => Difference.Sorted(Difference.Without(@"\(in [\d.]+ \w+\)")(text)), // projects are restored side by side
            StressEvery = 1009,
            Light = true,
        },
        new("vstest", "the SDK's test runner on an xunit v2 assembly", () => Sdk.VsTest)
        {
            Prepare = _ => [Repo.TestApp("XunitV2Tests"), "--logger:console;verbosity=normal"],
            AtLeast = "Failed: 1",
            Normalise = text => Difference.Sorted(Difference.Without(@"\d\d:\d\d:\d\d\.\d+", @"\[(< )?[\d.]+ m?s\]", @"Total time: .*")(text)),
            StressEvery = 101,
            Light = true,
        },
    ];

    private static Row Program(string name, string what) => new(name, what, () => Repo.Built(Path.Combine("tests", "Compatibility", "Programs", name), $"{name}.Program"))
    {
        Measures = true,
        Light = true,
    };
}
