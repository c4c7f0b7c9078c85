using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>An assembly that is loaded late finds its neighbours, its satellites and its native libraries, where it was loaded from.</summary>
public sealed class LateNeighbourTests
{
    private static readonly string[] s_ways = ["LoadFrom", "LoadFile", "context", "resolver"];

    private const string Plugin = """
        using System.Globalization;
        using System.Resources;
        using System.Runtime.InteropServices;

        public static class Entry
        {
            public static string Run()
            {
                ResourceManager words = new("Plugin.Words", typeof(Entry).Assembly);
                int sum = 0;
                for (int i = 0; i < 100; i++) sum += i;
                return $"{words.GetString("hello", new CultureInfo("de"))} {words.GetString("hello", CultureInfo.InvariantCulture)} {NativeLength("four")} {sum}";
            }

            [DllImport("neighbour", EntryPoint = "strlen")]
            private static extern nint NativeLength(string text);
        }
        """;

    private const string Program = """
        using System.Reflection;
        using System.Runtime.Loader;

        string path = args[1];
        Assembly plugin = args[0] switch
        {
            "LoadFrom" => Assembly.LoadFrom(path),
            "LoadFile" => Assembly.LoadFile(path),
            "context" => new AssemblyLoadContext("plugin").LoadFromAssemblyPath(path),
            _ => new Resolving(path).LoadFromAssemblyPath(path),
        };
        try
        {
            System.Console.WriteLine(plugin.GetType("Entry")!.GetMethod("Run")!.Invoke(null, null));
        }
        catch (TargetInvocationException e)
        {
            System.Console.WriteLine(e.InnerException!.GetType().Name);
        }

        class Resolving(string path) : AssemblyLoadContext("resolving")
        {
            private readonly AssemblyDependencyResolver _resolver = new(path);
            protected override Assembly? Load(AssemblyName name) => _resolver.ResolveAssemblyToPath(name) is { } file ? LoadFromAssemblyPath(file) : null;
            protected override nint LoadUnmanagedDll(string name) => System.Runtime.InteropServices.NativeLibrary.Load(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path)!, "lib" + name + ".so"));
        }
        """;

    private const string Words = """
        <root>
          <resheader name="resmimetype"><value>text/microsoft-resx</value></resheader>
          <resheader name="version"><value>2.0</value></resheader>
          <resheader name="reader"><value>System.Resources.ResXResourceReader, System.Windows.Forms</value></resheader>
          <resheader name="writer"><value>System.Resources.ResXResourceWriter, System.Windows.Forms</value></resheader>
          <data name="hello"><value>WORD</value></data>
        </root>
        """;

    [Fact]
    public void LateLoaded_WithSatelliteAndNativeLibrary_FindsThemAsPlain()
    {
        using Sandbox sandbox = new();
        sandbox.Write("plugin/Plugin.cs", Plugin);
        sandbox.Write("plugin/Words.resx", Words.Replace("WORD", "hello", StringComparison.Ordinal));
        sandbox.Write("plugin/Words.de.resx", Words.Replace("WORD", "hallo", StringComparison.Ordinal));
        string plugin = Build(sandbox, sandbox.Write("plugin/Plugin.csproj", Project("Library")));
        sandbox.Write("program/Program.cs", Program);
        string program = Build(sandbox, sandbox.Write("program/Loader.csproj", Project("Exe")));
        string native = File.Exists("/lib/x86_64-linux-gnu/libc.so.6") ? "/lib/x86_64-linux-gnu/libc.so.6" : "/lib64/libc.so.6";
        File.CreateSymbolicLink(Path.Combine(Path.GetDirectoryName(plugin)!, "libneighbour.so"), native);
        string[] results = [.. s_ways.Select(way =>
        {
            ChildResult plain = ChildProcess.Plain(program, [way, plugin]);
            ChildResult hosted = ChildProcess.Hosted(program, [way, plugin], Sandbox.Shared());
            Assert.True((plain.ExitCode, plain.StdOut, plain.StdErr) == (hosted.ExitCode, hosted.StdOut, hosted.StdErr), $"{way}\n{plain}\n{hosted}");
            return plain.StdOut;
        })];
        Assert.Contains("hallo hello 4 4950\n", results);
    }

    private static string Project(string output) => $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <OutputType>{output}</OutputType>
            <TargetFramework>net10.0</TargetFramework>
            <Nullable>enable</Nullable>
          </PropertyGroup>
        </Project>
        """;

    private static string Build(Sandbox sandbox, string project)
    {
        string name = Path.GetFileNameWithoutExtension(project);
        string output = Path.Combine(sandbox.Folder, name + "-built");
        ChildResult result = ChildProcess.Run(Repo.Dotnet, ["build", project, "-c", "Release", "-o", output]);
        Assert.True(result.ExitCode == 0, result.ToString());
        return Path.Combine(output, name + ".dll");
    }
}
