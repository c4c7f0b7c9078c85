using System.Security.Cryptography;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>
/// The SDK's own compilers, build engine and test runner, hosted. What they produce is compared by hash with what they
/// produce plain; they run in the same folder one after the other, so that paths in the outputs are the same too.
/// </summary>
public class SdkToolTests
{
    private const string NoEnvironment = "";

    [Theory]
    [InlineData(NoEnvironment)]
    [InlineData("1009")]
    public void Csc_WithAnalyzers_ProducesTheSameAssembly(string stress)
    {
        using TempFolder folder = new();
        string source = folder.Write("big.cs", GeneratedSource.CSharp(48));
        Assert.True(File.ReadLines(source).Count() > 2000);
        string config = folder.Write("rules.globalconfig", "is_global = true\ndotnet_analyzer_diagnostic.category-Performance.severity = warning\ndotnet_analyzer_diagnostic.category-Globalization.severity = warning\n");
        string[] arguments =
        [
            "-noconfig", "-nostdlib", "-nologo", "-deterministic", "-optimize+", "-nullable:enable", "-t:exe", "-debug:portable",
            .. Sdk.References.Select(r => $"-r:{r}"), .. Sdk.Analyzers.Select(a => $"-analyzer:{a}"),
            $"-analyzerconfig:{config}", "-out:big.dll", "big.cs",
        ];
        CompareProducts(Sdk.Csc, arguments, folder, ["big.dll", "big.pdb"], stress, atLeast: "warning CA");
    }

    [LongTheory]
    [InlineData(NoEnvironment)]
    [InlineData("1009")]
    public void Fsc_ProducesTheSameAssembly(string stress)
    {
        using TempFolder folder = new();
        folder.Write("big.fs", GeneratedSource.FSharp(40));
        string[] arguments =
        [
            "--nologo", "--deterministic+", "--optimize+", "--targetprofile:netcore", "--noframework", "--simpleresolution",
            .. Sdk.References.Select(r => $"-r:{r}"), $"-r:{Sdk.FSharpCore}", "-o:big.dll", "big.fs",
        ];
        CompareProducts(Sdk.Fsc, arguments, folder, ["big.dll"], stress, atLeast: "");
    }

    // F# Interactive loads what it has just compiled from bytes; they are woven on the way in.
    [LongTheory]
    [InlineData(NoEnvironment)]
    [InlineData("1009")]
    public void Fsi_RunsAScript_AsPlain(string stress)
    {
        using TempFolder folder = new();
        string script = folder.Write("script.fsx", "let rec fib n = if n < 2 then n else fib (n - 1) + fib (n - 2)\nfor i in 1..10 do printfn \"%d\" (fib i)\nprintfn \"%d\" (List.sum [ 1..10 ])\n");
        Comparison.AssertSame("fsi " + stress, Sdk.Fsi, ["--nologo", script], Options(folder), hostedEnvironment: Stress(stress));
    }

    [LongTheory]
    [InlineData("--info")]
    [InlineData("new list")]
    [InlineData("nosuchcommand")]
    public void DotnetCommand_Hosted_BehavesAsPlain(string arguments) =>
        Comparison.AssertSame("dotnet " + arguments, Path.Combine(Sdk.Folder, "dotnet.dll"), arguments.Split(' '), Options(null));

    [Theory]
    [InlineData(NoEnvironment)]
    [InlineData("1009")]
    public void MSBuild_BuildsAProject_TheSame(string stress)
    {
        using TempFolder folder = new();
        folder.Write("p.csproj", """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <UseAppHost>false</UseAppHost>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
            </Project>
            """);
        folder.Write("p.cs", "int unused = 1;\nSystem.Console.WriteLine(System.Text.Json.JsonSerializer.Serialize(new { a = 1, b = \"x\" }));\n");
        folder.Write("Directory.Build.props", "<Project />");
        folder.Write("Directory.Build.targets", "<Project />");
        string[] arguments = ["p.csproj", "-restore", "-nologo", "-v:m", "-tl:off", "-m:1", "-nodeReuse:false", "-p:UseSharedCompilation=false"];
        CompareProducts(Sdk.MSBuild, arguments, folder, [Path.Combine("bin", "Debug", "net10.0", "p.dll")], stress, atLeast: "warning CS0219", clean: ["bin", "obj"]);
        ChildResult built = ChildProcess.Plain(folder.In(Path.Combine("bin", "Debug", "net10.0", "p.dll")));
        Assert.Equal("{\"a\":1,\"b\":\"x\"}\n", built.StdOut);
    }

    [Theory]
    [InlineData(NoEnvironment)]
    [InlineData("101")]
    public void VsTest_RunsXunitV2Tests_TheSame(string stress) => CompareVsTest(stress, []);

    [LongFact]
    public void VsTest_WithHostedTestHost_BehavesAsPlain() => CompareVsTest(NoEnvironment, ["--children"]);

    private static void CompareVsTest(string stress, string[] runOptions)
    {
        string[] arguments = [Repo.TestApp("XunitV2Tests"), "--logger:console;verbosity=normal"];
        Func<string, string> without = Comparison.Without(@"\d\d:\d\d:\d\d\.\d+", @"\[(< )?[\d.]+ m?s\]", @"Total time: .*");
        Comparison.AssertSame(
            "vstest",
            Sdk.VsTest,
            arguments,
            Options(null),
            runOptions,
            Stress(stress),
            text => Comparison.Sorted(without(text)));
    }

    private static void CompareProducts(string tool, string[] arguments, TempFolder folder, string[] products, string stress, string atLeast, string[]? clean = null)
    {
        ChildResult plain = ChildProcess.Plain(tool, arguments, Options(folder));
        Assert.True(plain.ExitCode == 0, plain.ToString());
        Assert.Contains(atLeast, plain.StdOut, StringComparison.Ordinal);
        string[] wanted = Hashes(folder, products);
        foreach (string product in products)
        {
            File.Delete(folder.In(product));
        }

        foreach (string subfolder in clean ?? [])
        {
            Directory.Delete(folder.In(subfolder), recursive: true);
        }

        ChildOptions options = Options(folder);
        ChildResult hosted = ChildProcess.Hosted(tool, arguments, options with { Environment = new Dictionary<string, string?>(options.Environment.Concat(Stress(stress))) });

        // Diagnostics of concurrent analyzers come in no fixed order.
        Func<string, string> without = Comparison.Without(@"\(in [\d.]+ \w+\)");
        Comparison.AssertSame(plain, hosted, text => Comparison.Sorted(without(text)));
        Assert.Equal(wanted, Hashes(folder, products));
    }

    private static string[] Hashes(TempFolder folder, string[] products) =>
        products.Select(p => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(folder.In(p))))).ToArray();

    private static ChildOptions Options(TempFolder? folder) => new()
    {
        WorkingDirectory = folder?.Path,
        Timeout = TimeSpan.FromSeconds(180),
        Environment = new Dictionary<string, string?>
        {
            ["MSBuildSDKsPath"] = Path.Combine(Sdk.Folder, "Sdks"),
            ["MSBuildExtensionsPath"] = Sdk.Folder + Path.DirectorySeparatorChar,
            ["DOTNET_HOST_PATH"] = Repo.Dotnet,
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
            ["DOTNET_NOLOGO"] = "1",
        },
    };

    private static IEnumerable<KeyValuePair<string, string?>> Stress(string every) =>
        every == NoEnvironment ? [] : [KeyValuePair.Create("ILPREEMPT_STRESS", (string?)every)];
}
