using System.Reflection;
using System.Runtime.Loader;
using ILPreempt.Weaver.Resolving;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;

namespace ILPreempt.Weaver.Tests;

/// <summary>Compiles sources, weaves them and runs original and woven against a runtime that only counts.</summary>
internal static class StandIn
{
    // Poll stays up, so every check that is reached is counted.
    private const string RuntimeSource = """
        [assembly: System.Reflection.AssemblyVersion("0.1.0.0")]
        namespace ILPreempt.Runtime
        {
            public static class StackGuard
            {
                public static int Poll = 1;
                public static int Checks, ChecksInNoPreempt;
                public static uint Seed = 1;
                public static int ReadPoll() { Seed = Seed * 1664525 + 1013904223; return (int)(Seed >> 30); }
                public static void MoreStack() { Checks++; if (NoPreempt.Depth > 0) ChecksInNoPreempt++; }
            }
            public static class EntryPoint
            {
                public static string Log = "";
                public static void Enter() => Log += "enter;";
                public static void Exit() => Log += "exit;";
            }
            public static class Blocking
            {
                public static string Log = "";
                public static void Enter(int reason) => Log += $"enter {reason};";
                public static void EnterUnless(int ready, int reason) => Log += $"enter {reason} unless {ready};";
                public static void EnterIf(int waits, int reason) => Log += $"enter {reason} if {waits};";
                public static void Exit() => Log += "exit;";
                public static void Mark(int reason) => Log += $"mark {reason};";
                public static void Unmark() => Log += "unmark;";
            }
            public static class NoPreempt
            {
                public static int Depth, Entered;
                public static void Enter() { Depth++; Entered++; }
                public static void Exit() => Depth--;
            }
        }
        namespace ILPreempt.Runtime.Loading
        {
            public static class Redirects
            {
                public static string get_Location(System.Reflection.Assembly a) => "redirected";
                public static string get_FullyQualifiedName(System.Reflection.Module m) => "redirected";
                public static System.Reflection.Assembly LoadFrom(string s) => typeof(object).Assembly;
            }
        }
        """;

    private static readonly Lazy<byte[]> s_runtime = new(() => Compile(RuntimeSource, "ILPreempt.Runtime").Image);

    private static readonly string[] s_trusted = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':');

    public static ReferenceSet References { get; } = new(s_trusted);

    public static IReadOnlyList<string> FrameworkFiles { get; } =
        [.. s_trusted.Where(f => Path.GetDirectoryName(f) == Path.GetDirectoryName(typeof(object).Assembly.Location))];

    public static AssemblyWeaver Weaver(CheckPlacement checks = CheckPlacement.LoopsAndCycles) =>
        new(new WeaverOptions { Checks = checks }, References);

    public static (byte[] Image, byte[] Symbols) Compile(
        string source, string name = "Sample", OptimizationLevel level = OptimizationLevel.Release, DebugInformationFormat format = DebugInformationFormat.PortablePdb, OutputKind kind = OutputKind.DynamicallyLinkedLibrary)
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText(source, new CSharpParseOptions(LanguageVersion.Preview), path: name + ".cs", encoding: System.Text.Encoding.UTF8);
        CSharpCompilation compilation = CSharpCompilation.Create(
            name,
            [tree],
            FrameworkFiles.Select(f => MetadataReference.CreateFromFile(f)),
            new CSharpCompilationOptions(kind, optimizationLevel: level, allowUnsafe: true, deterministic: true));
        using MemoryStream image = new();
        using MemoryStream symbols = new();
        EmitResult result = compilation.Emit(
            image,
            format == DebugInformationFormat.PortablePdb ? symbols : null,
            options: new EmitOptions(debugInformationFormat: format, pdbFilePath: name + ".pdb"));
        Assert.True(result.Success, string.Join('\n', result.Diagnostics));
        return (image.ToArray(), symbols.ToArray());
    }

    /// <summary>Loads an image in a context of its own, beside a fresh stand-in.</summary>
    public static (Assembly Assembly, Assembly Runtime) Load(byte[] image, byte[]? symbols = null)
    {
        AssemblyLoadContext context = new("test", isCollectible: true);
        Assembly runtime = context.LoadFromStream(new MemoryStream(s_runtime.Value));
        context.Resolving += (_, name) => name.Name == runtime.GetName().Name ? runtime : null;
        return (context.LoadFromStream(new MemoryStream(image), symbols is null ? null : new MemoryStream(symbols)), runtime);
    }

    /// <summary>Calls <c>static string Run()</c> of the type Sample.</summary>
    public static string Run(Assembly assembly)
    {
        MethodInfo run = assembly.GetType("Sample", throwOnError: true)!.GetMethod("Run", BindingFlags.Public | BindingFlags.Static)!;
        return run.CreateDelegate<Func<string>>()();
    }

    public static T Field<T>(Assembly runtime, string type, string field) =>
        (T)runtime.GetType("ILPreempt.Runtime." + type, throwOnError: true)!.GetField(field)!.GetValue(null)!;

    /// <summary>Runs both and compares; returns how many checks the woven one met.</summary>
    public static (int Checks, WeaveReport Report) RunBoth(byte[] image, byte[]? symbols = null, CheckPlacement checks = CheckPlacement.LoopsAndCycles)
    {
        string expected = Run(Load(image).Assembly);
        WovenImage woven = Weaver(checks).WeaveImage(image, symbols, "Sample.dll");
        (Assembly assembly, Assembly runtime) = Load(woven.Image, woven.Symbols);
        Assert.Equal(expected, Run(assembly));
        Assert.Equal(0, Field<int>(runtime, "NoPreempt", "Depth"));

        // Once more with the poll word down, the path that normally runs.
        (assembly, runtime) = Load(woven.Image, woven.Symbols);
        runtime.GetType("ILPreempt.Runtime.StackGuard")!.GetField("Poll")!.SetValue(null, 0);
        Assert.Equal(expected, Run(assembly));
        Assert.Equal(0, Field<int>(runtime, "StackGuard", "Checks"));

        // And with a word that is up at random, so that twins are entered in the middle of their loops.
        byte[] random = WithRandomPoll(woven.Image);
        for (uint seed = 1; seed <= 3; seed++)
        {
            (assembly, runtime) = Load(random);
            runtime.GetType("ILPreempt.Runtime.StackGuard")!.GetField("Seed")!.SetValue(null, seed * 7919);
            Assert.Equal(expected, Run(assembly));
        }

        (assembly, runtime) = Load(woven.Image, woven.Symbols);
        Run(assembly);
        return (Field<int>(runtime, "StackGuard", "Checks"), woven.Report);
    }

    // volatile. ldsfld Poll becomes call ReadPoll.
    internal static byte[] WithRandomPoll(byte[] image)
    {
        using Mono.Cecil.ModuleDefinition module = Mono.Cecil.ModuleDefinition.ReadModule(new MemoryStream(image));
        foreach (Mono.Cecil.MethodDefinition method in module.GetTypes().SelectMany(t => t.Methods).Where(m => m.HasBody))
        {
            foreach (Mono.Cecil.Cil.Instruction read in method.Body.Instructions)
            {
                if (read.Operand is Mono.Cecil.FieldReference { Name: "Poll" } poll)
                {
                    read.OpCode = Mono.Cecil.Cil.OpCodes.Call;
                    read.Operand = new Mono.Cecil.MethodReference("ReadPoll", module.TypeSystem.Int32, poll.DeclaringType);
                    read.Previous.OpCode = Mono.Cecil.Cil.OpCodes.Nop;
                }
            }
        }

        using MemoryStream output = new();
        module.Write(output);
        return output.ToArray();
    }
}
