using System.Reflection;
using ILPreempt.Weaver.Rules;
using ILPreempt.TestUtils;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Emit;

namespace ILPreempt.Weaver.Tests;

/// <summary>What happens to an assembly as a whole: identity, symbols, opting out, bad input.</summary>
public sealed class AssemblyTests : IDisposable
{
    private const string Loop = "public static class Sample { public static string Run() { int s = 0; for (int i = 0; i < 100; i++) s += i; return s.ToString(); } }";

    private readonly string _folder = Directory.CreateTempSubdirectory("ilpreempt-weaver-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void WeaveImage_Twice_IsByteIdentical()
    {
        (byte[] image, byte[] symbols) = StandIn.Compile(Loop);
        WovenImage first = StandIn.Weaver().WeaveImage(image, symbols, "Sample.dll");
        WovenImage second = StandIn.Weaver().WeaveImage(image, symbols, "Sample.dll");
        Assert.Equal(first.Image, second.Image);
        Assert.Equal(first.Symbols, second.Symbols);
    }

    [Fact]
    public void WeaveImage_WithThreadPool_IsTheSame()
    {
        byte[] image = File.ReadAllBytes(typeof(Microsoft.CodeAnalysis.SyntaxNode).Assembly.Location);
        AssemblyWeaver helped = new(new WeaverOptions(), StandIn.References) { MayUseThreadPool = true };
        Assert.Equal(StandIn.Weaver().WeaveImage(image, null, "big.dll").Image, helped.WeaveImage(image, null, "big.dll").Image);
    }

    [Fact]
    public void WeaveImage_AlreadyWoven_IsLeftAlone()
    {
        WovenImage first = StandIn.Weaver().WeaveImage(StandIn.Compile(Loop).Image, null, "Sample.dll");
        WovenImage second = StandIn.Weaver().WeaveImage(first.Image, null, "Sample.dll");
        Assert.Equal(WeaveOutcome.Woven, first.Report.Outcome);
        Assert.Equal((WeaveOutcome.LeftAlone, NoteCodes.AlreadyWoven), (second.Report.Outcome, second.Report.Code));
        Assert.Same(first.Image, second.Image);
    }

    [Fact]
    public void WeaveImage_NothingToDo_IsLeftAlone()
    {
        WovenImage woven = StandIn.Weaver().WeaveImage(StandIn.Compile("public class A { public int F(int x) => x + 1; }").Image, null, "Sample.dll");
        Assert.Equal((WeaveOutcome.LeftAlone, NoteCodes.NothingToDo), (woven.Report.Outcome, woven.Report.Code));
    }

    [Fact]
    public void WeaveImage_Marker_NamesVersionOptionsAndInput()
    {
        WovenImage woven = StandIn.Weaver().WeaveImage(StandIn.Compile(Loop).Image, null, "Sample.dll");
        AssemblyMetadataAttribute marker = Assert.Single(StandIn.Load(woven.Image).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>());
        Assert.Equal("ILPreempt.Woven", marker.Key);
        Assert.Matches("^[0-9.]+;.*checks=loops\\+cycles.*;[0-9a-f]{64}$", marker.Value!);
    }

    [Theory]
    [InlineData("[ILPreempt.Runtime.DoNotWeave] public static string Run()", "")]
    [InlineData("public static string Run()", "[ILPreempt.Runtime.DoNotWeave]")]
    public void WeaveImage_OptedOutMethodOrType_HasNoCheck(string method, string onType)
    {
        string source = "namespace ILPreempt.Runtime { class DoNotWeaveAttribute : System.Attribute { } }\n"
            + "public static class Other { public static int F(int n) { int s = 0; while (n > 0) { s += n; n /= 2; } return s; } }\n"
            + onType + " public static class Sample { " + method + " { int s = 0; for (int i = 0; i < 100; i++) s += i; return s.ToString(); } }";
        (int checks, WeaveReport report) = StandIn.RunBoth(StandIn.Compile(source).Image);
        Assert.Equal(0, checks);
        Assert.Contains(report.Notes, n => n.Code == NoteCodes.OptedOut);
    }

    [Fact]
    public void WeaveImage_OptedOutAssembly_IsLeftAlone()
    {
        string source = "[assembly: ILPreempt.Runtime.DoNotWeave] namespace ILPreempt.Runtime { class DoNotWeaveAttribute : System.Attribute { } }\n" + Loop;
        Assert.Equal(NoteCodes.AssemblyOptedOut, StandIn.Weaver().WeaveImage(StandIn.Compile(source).Image, null, "x").Report.Code);
    }

    [Theory]
    [InlineData("static void Main() { }")]
    [InlineData("static int Main(string[] args) { if (args.Length > 0) return 1; return 0; }")]
    [InlineData("static async System.Threading.Tasks.Task Main() { await System.Threading.Tasks.Task.Yield(); }")]
    [InlineData("static async System.Threading.Tasks.Task<int> Main(string[] a) { await System.Threading.Tasks.Task.Yield(); return 0; }")]
    public void WeaveFile_EntryAssembly_BracketsTheEntryPoint(string main)
    {
        string file = Path.Combine(_folder, "Sample.dll");
        File.WriteAllBytes(file, StandIn.Compile("public static class Sample { " + main + " }", kind: OutputKind.ConsoleApplication).Image);
        string output = Path.Combine(_folder, "out.dll");
        WeaveReport report = StandIn.Weaver().WeaveFile(file, output, isEntryAssembly: true);
        Assert.Equal(WeaveOutcome.Woven, report.Outcome);
        (Assembly assembly, Assembly runtime) = StandIn.Load(File.ReadAllBytes(output));
        MethodInfo entry = assembly.EntryPoint!;
        entry.Invoke(null, entry.GetParameters().Length == 0 ? null : [Array.Empty<string>()]);
        Assert.Equal("enter;exit;", StandIn.Field<string>(runtime, "EntryPoint", "Log"));
    }

    [Fact]
    public void WeaveImage_LocationCallAndMethodGroups_AreRedirected()
    {
        const string Source = """
            using System; using System.Reflection;
            public static class Sample
            {
                public static string Run() => "";
                public static string Redirected()
                {
                    Assembly me = typeof(Sample).Assembly;
                    Func<string, Assembly> load = Assembly.LoadFrom;
                    return me.Location + "," + me.ManifestModule.FullyQualifiedName + "," + load("nothing").GetName().Name;
                }
            }
            """;
        WovenImage woven = StandIn.Weaver().WeaveImage(StandIn.Compile(Source).Image, null, "Sample.dll");
        Assert.Equal(3, woven.Report.Redirects);
        Assert.Equal("redirected,redirected,System.Private.CoreLib", StandIn.Load(woven.Image).Assembly.GetType("Sample")!.GetMethod("Redirected")!.Invoke(null, null));
    }

    [Theory]
    [InlineData("class constructor", "static class C { public static int N; static C() { for (int i = 0; i < 50; i++) N += Work(i); } } public static string Run() => C.N.ToString();")]
    [InlineData("filter", "public static string Run() { try { throw new System.Exception(); } catch (System.Exception) when (Work(5) == 10) { return \"caught\"; } }")]
    public void WeaveImage_CodeThatMustNotStop_ReachesChecksOnlyInsideABracket(string what, string body)
    {
        string source = "public static class Sample { static int Work(int n) { int s = 0; while (n != 0) { s += n - 1; n = n > 0 ? n - 1 : 0; } return s; } " + body + " }";
        WovenImage woven = StandIn.Weaver().WeaveImage(StandIn.Compile(source).Image, null, "Sample.dll");
        (Assembly assembly, Assembly runtime) = StandIn.Load(woven.Image);
        StandIn.Run(assembly);
        int checks = StandIn.Field<int>(runtime, "StackGuard", "Checks");
        Assert.True(checks > 0, what);
        Assert.Equal(checks, StandIn.Field<int>(runtime, "StackGuard", "ChecksInNoPreempt"));
        Assert.Equal(0, StandIn.Field<int>(runtime, "NoPreempt", "Depth"));
    }

    [Fact]
    public void WeaveImage_UnmanagedCallersOnly_GetsNoCheckButABracket()
    {
        const string Source = """
            using System.Runtime.InteropServices;
            public static unsafe class Sample
            {
                static int Work(int n) { int s = 0; for (int i = 0; i < n; i++) s += i; return s; }
                [UnmanagedCallersOnly] static int Entry(int n) { int s = 0; for (int i = 0; i < n; i++) s += Work(i); return s; }
                public static string Run() { delegate* unmanaged<int, int> f = &Entry; return f(10).ToString(); }
            }
            """;
        WovenImage woven = StandIn.Weaver().WeaveImage(StandIn.Compile(Source).Image, null, "Sample.dll");
        (Assembly assembly, Assembly runtime) = StandIn.Load(woven.Image);
        Assert.Equal("120", StandIn.Run(assembly));
        Assert.Equal(1, StandIn.Field<int>(runtime, "NoPreempt", "Entered"));
        Assert.Equal(0, StandIn.Field<int>(runtime, "NoPreempt", "Depth"));
    }

    [Theory]
    [InlineData(DebugInformationFormat.PortablePdb, OptimizationLevel.Release)]
    [InlineData(DebugInformationFormat.PortablePdb, OptimizationLevel.Debug)]
    [InlineData(DebugInformationFormat.Embedded, OptimizationLevel.Release)]
    [InlineData(DebugInformationFormat.Embedded, OptimizationLevel.Debug)]
    public void WeaveImage_Symbols_KeepEveryLineOfATrace(DebugInformationFormat format, OptimizationLevel level)
    {
        const string Source = """
            using System;
            public static class Sample
            {
                [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)] static int Deep(int n)
                {
                    if (n == 0)
                        throw new InvalidOperationException("deep");
                    int s = 0;
                    for (int i = 0; i < 2000; i++)
                    {
                        s += i;
                    }
                    return Deep(n - 1) + s;
                }
                [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)] static int Index(int[] a)
                {
                    int s = 0;
                    for (int i = 0; i < 3000; i++)
                    {
                        s ^= i;
                        s +=
                            a[i];
                    }
                    return s;
                }
                static async System.Threading.Tasks.Task<int> Late()
                {
                    for (int i = 0; i < 3; i++)
                    {
                        await System.Threading.Tasks.Task.Yield();
                    }
                    throw new NotSupportedException();
                }
                [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)] static string Trace(Action a) { try { a(); return "none"; } catch (Exception e) { return string.Join("\n", Array.FindAll(e.ToString().Split('\n'), l => l.Contains("Sample.cs"))) + "\n"; } }
                public static string Run() =>
                    Trace(() => Deep(3)) + Trace(() => Index(new int[2500])) + Trace(() => Late().Wait());
            }
            """;
        (byte[] image, byte[] symbols) = StandIn.Compile(Source, level: level, format: format);
        byte[]? pdb = format == DebugInformationFormat.PortablePdb ? symbols : null;
        string expected = StandIn.Run(StandIn.Load(image, pdb).Assembly);
        Assert.Contains("Sample.cs:line 7", expected, StringComparison.Ordinal);
        WovenImage woven = StandIn.Weaver().WeaveImage(image, pdb, "Sample.dll");
        Assert.Equal(expected, StandIn.Run(StandIn.Load(woven.Image, woven.Symbols).Assembly));
    }

    [Fact]
    public void WeaveFile_PdbOfAnotherBuild_WeavesWithoutSymbols()
    {
        string file = Path.Combine(_folder, "Sample.dll");
        File.WriteAllBytes(file, StandIn.Compile(Loop).Image);
        File.WriteAllBytes(Path.Combine(_folder, "Sample.pdb"), StandIn.Compile("class Other { }").Symbols);
        WeaveReport report = StandIn.Weaver().WeaveFile(file, Path.Combine(_folder, "out.dll"));
        Assert.Equal(WeaveOutcome.Woven, report.Outcome);
        Assert.Contains(report.Notes, n => n.Code == NoteCodes.PdbUnusable);
        Assert.Null(report.SymbolFile);
    }

    [Fact]
    public void WeaveFile_NoPdb_SaysSo()
    {
        string file = Path.Combine(_folder, "Sample.dll");
        File.WriteAllBytes(file, StandIn.Compile(Loop).Image);
        Assert.Contains(StandIn.Weaver().WeaveFile(file, Path.Combine(_folder, "out.dll")).Notes, n => n.Code == NoteCodes.PdbMissing);
    }

    [Fact]
    public void WeaveFile_ReadyToRunFrameworkAssembly_IsPlainIlAndLoads()
    {
        string output = Path.Combine(_folder, "System.Collections.dll");
        string input = StandIn.FrameworkFiles.First(f => f.EndsWith("/System.Collections.dll", StringComparison.Ordinal));
        WeaveReport report = StandIn.Weaver().WeaveFile(input, output);
        Assert.Equal(WeaveOutcome.Woven, report.Outcome);
        Assert.Contains(report.Notes, n => n.Code == NoteCodes.NativeCodeDropped);
        Assert.Equal(AssemblyName.GetAssemblyName(input).FullName, AssemblyName.GetAssemblyName(output).FullName);
        Assembly loaded = StandIn.Load(File.ReadAllBytes(output)).Assembly;
        System.Collections.IEnumerable set = (System.Collections.IEnumerable)Activator.CreateInstance(
            loaded.GetType("System.Collections.Generic.SortedSet`1")!.MakeGenericType(typeof(int)), (IEnumerable<int>)[3, 1, 2])!;
        Assert.Equal([1, 2, 3], set.Cast<int>());
    }

    [Fact]
    public void WeaveFile_CoreLib_IsLeftAlone() =>
        Assert.Equal(NoteCodes.Foundation, StandIn.Weaver().WeaveFile(typeof(object).Assembly.Location, Path.Combine(_folder, "out.dll")).Code);

    [Theory]
    [InlineData("text")]
    [InlineData("empty")]
    [InlineData("truncated")]
    [InlineData("half")]
    public void WeaveFile_BadInput_IsOneLineAndWritesNothing(string kind)
    {
        byte[] good = StandIn.Compile(Loop).Image;
        byte[] bad = kind switch
        {
            "text" => "hello, this is not an assembly at all, however long it may be"u8.ToArray(),
            "empty" => [],
            "truncated" => good[..^600],
            _ => good[..(good.Length / 2)],
        };
        string file = Path.Combine(_folder, "bad.dll");
        File.WriteAllBytes(file, bad);
        string output = Path.Combine(_folder, "out.dll");
        WeaveException e = Assert.Throws<WeaveException>(() => StandIn.Weaver().WeaveFile(file, output));
        Assert.DoesNotContain('\n', e.Message);
        Assert.Contains("bad.dll", e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(output));
        Assert.Single(Directory.GetFiles(_folder));
    }

    [Fact]
    public void WeaveFile_DamagedBytesAnywhere_NeverThrowsAnythingElse()
    {
        byte[] good = StandIn.Compile(Loop).Image;
        Random random = new(1);
        for (int i = 0; i < 300; i++)
        {
            byte[] bad = (byte[])good.Clone();
            for (int k = 0; k < 4; k++)
            {
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            }

            try
            {
                StandIn.Weaver().WeaveImage(bad, null, "bad.dll");
            }
            catch (WeaveException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    [Fact]
    public void WeaveImage_NativeImage_IsLeftAlone()
    {
        // A PE file without the managed header: the same image with its directory entry cleared.
        byte[] image = StandIn.Compile(Loop).Image;
        using System.Reflection.PortableExecutable.PEReader pe = new([.. image]);
        int directories = pe.PEHeaders.PEHeaderStartOffset + (pe.PEHeaders.PEHeader!.Magic == System.Reflection.PortableExecutable.PEMagic.PE32 ? 96 : 112);
        Array.Clear(image, directories + (14 * 8), 8);
        Assert.Equal(NoteCodes.NotManaged, StandIn.Weaver().WeaveImage(image, null, "native.dll").Report.Code);
    }

    [Theory]
    [InlineData(0, 1)] // ILOnly cleared: C++/CLI
    [InlineData(2, 1)] // and 32 bits required
    [InlineData(0x10, 1)] // a native entry point
    [InlineData(0x10, 0)] // the same in an image that says ILOnly
    public void WeaveImage_NativeFlags_IsLeftAlone(int set, int clear)
    {
        byte[] image = StandIn.Compile(Loop).Image;
        using System.Reflection.PortableExecutable.PEReader pe = new([.. image]);
        image[pe.PEHeaders.CorHeaderStartOffset + 16] = (byte)((image[pe.PEHeaders.CorHeaderStartOffset + 16] | set) & ~clear);
        WovenImage woven = StandIn.Weaver().WeaveImage(image, null, "mixed.dll");
        Assert.Equal(NoteCodes.MixedMode, woven.Report.Code);
        Assert.Same(image, woven.Image);
    }

    [Fact]
    public void WeaveFile_WindowsPdbBeside_WeavesWithoutSymbols()
    {
        string file = Path.Combine(_folder, "Sample.dll");
        File.WriteAllBytes(file, StandIn.Compile(Loop).Image);
        File.WriteAllBytes(Path.Combine(_folder, "Sample.pdb"), [.. "Microsoft C/C++ MSF 7.00\r\n\u001aDS\0\0\0"u8, .. new byte[4096]]);
        WeaveReport report = StandIn.Weaver().WeaveFile(file, Path.Combine(_folder, "out.dll"));
        Assert.Equal(WeaveOutcome.Woven, report.Outcome);
        Assert.Contains(report.Notes, n => n.Code == NoteCodes.WindowsPdb);
        Assert.Null(report.SymbolFile);
    }

    [Theory]
    [InlineData("v10.0.0")] // F# Interactive
    [InlineData("v2.0.50727")]
    [InlineData("v1.1.4322")]
    [InlineData("Standard")]
    public void WeaveImage_OtherMetadataVersion_KeepsItAndWritesTablesOfTwoPointZero(string version)
    {
        (byte[] image, byte[] symbols) = StandIn.Compile("public static class Sample { public static string Run() { var l = new System.Collections.Generic.List<int>(); for (int i = 0; i < 9; i++) l.Add(i); return l.Count.ToString(); } }");
        int at = image.AsSpan().IndexOf("v4.0.30319"u8);
        image.AsSpan(at, 12).Clear();
        System.Text.Encoding.ASCII.GetBytes(version, image.AsSpan(at));
        StandIn.RunBoth(image, symbols);
        byte[] woven = StandIn.Weaver().WeaveImage(image, symbols, "Sample.dll").Image;
        using System.Reflection.PortableExecutable.PEReader pe = new([.. woven]);
        System.Collections.Immutable.ImmutableArray<byte> metadata = pe.GetMetadata().GetContent();
        int tables = metadata.AsSpan().IndexOf("#~\0\0"u8) - 8;
        int stream = BitConverter.ToInt32(metadata.AsSpan()[tables..]);
        Assert.Equal((2, 0), (metadata[stream + 4], metadata[stream + 5]));
        Assert.Equal(version, System.Reflection.Metadata.PEReaderExtensions.GetMetadataReader(pe).MetadataVersion);
    }

    [Fact]
    public void WeaveImage_NetModule_IsLeftAlone() =>
        Assert.Equal(NoteCodes.MultiModule, StandIn.Weaver().WeaveImage(StandIn.Compile(Loop, kind: OutputKind.NetModule).Image, null, "m").Report.Code);

    [Fact]
    public void NoteCodes_AreListedInTheDocs()
    {
        string docs = File.ReadAllText(Path.Combine(Repo.Root, "docs", "weaving.md"));
        foreach (FieldInfo code in typeof(NoteCodes).GetFields())
        {
            Assert.Contains((string)code.GetValue(null)!, docs, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void CalmCalls_EachMember_Exists()
    {
        Dictionary<string, Type> types = StandIn.FrameworkFiles.Where(f => !f.Contains("/lib", StringComparison.Ordinal))
            .Select(f => Path.GetFileNameWithoutExtension(f)).Where(n => n.StartsWith("System", StringComparison.Ordinal) && n != "System.Private.CoreLib")
            .Select(n => Assembly.Load(n)).Append(typeof(object).Assembly)
            .SelectMany(a => a.GetExportedTypes()).GroupBy(t => t.FullName!.Replace('+', '/')).ToDictionary(g => g.Key, g => g.First());
        foreach ((string type, string member) in CalmCalls.All)
        {
            Assert.True(types.ContainsKey(type), $"{type} does not exist");
            Assert.True(
                member == "*" || types[type].GetMember(member, BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static).Length > 0,
                $"{type}.{member} does not exist");
        }
    }
}
