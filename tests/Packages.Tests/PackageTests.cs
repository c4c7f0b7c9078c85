using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Packages.Tests;

/// <summary>What lies in the packages themselves.</summary>
[Collection(Feed.Collection)]
public sealed class PackageTests
{
    // The kinds of custom debug information that the portable pdb format names.
    private static readonly Guid s_embeddedSource = new("0E8A571B-6926-466E-B4AD-8AB04611F5FE");
    private static readonly Guid s_sourceLink = new("CC110556-A091-4D38-9FEC-25AB9A351A6A");

    [Theory]
    [InlineData("ILPreempt")]
    [InlineData("ILPreempt.Build")]
    [InlineData("ILPreempt.Runtime")]
    [InlineData("ILPreempt.Diagnostics")]
    public void Package_HasReadmeLicenceAndNothingOfThisMachine(string id)
    {
        using ZipArchive package = Open(id, "nupkg");
        using Stream text = package.GetEntry(id + ".nuspec")!.Open();
        XElement metadata = XDocument.Load(text).Root!.Elements().Single();
        string? Value(string name) => metadata.Elements().SingleOrDefault(element => element.Name.LocalName == name)?.Value;
        Assert.Equal((id, Feed.Version, "MIT"), (Value("id"), Value("version"), Value("license")));
        Assert.False(string.IsNullOrWhiteSpace(Value("description")));
        Assert.NotNull(package.GetEntry(Value("readme")!));
        Assert.DoesNotContain(Repo.Root, metadata.ToString(), StringComparison.Ordinal);

        // Weaving's own needs stay the weaver's: whoever references the package gets the runtime and nothing else.
        string[] dependencies = [.. metadata.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => element.Attribute("id")!.Value)];
        Assert.Equal(
            id switch
            {
                "ILPreempt.Build" => ["ILPreempt.Runtime"],
                "ILPreempt.Diagnostics" => ["Microsoft.Diagnostics.Runtime"],
                _ => [],
            },
            dependencies);
    }

    /// <summary>Libraries have a package of symbols; programs have their symbols beside them.</summary>
    [Theory]
    [InlineData("ILPreempt", "snupkg", "tools/net10.0/any/ilpreempt.pdb")]
    [InlineData("ILPreempt.Build", "nupkg", "tools/net10.0/ILPreempt.Build.pdb")]
    [InlineData("ILPreempt.Runtime", "snupkg", "lib/net10.0/ILPreempt.Runtime.pdb")]
    [InlineData("ILPreempt.Diagnostics", "snupkg", "lib/net10.0/ILPreempt.Diagnostics.pdb")]
    public void Package_HasSymbolsThatLeadToTheSources(string id, string kind, string file)
    {
        using ZipArchive package = Open(id, kind);
        ZipArchiveEntry? entry = package.GetEntry(file);
        Assert.True(entry != null, string.Join('\n', package.Entries.Select(e => e.FullName)));
        using Stream packed = entry.Open();
        using MemoryStream unpacked = new();
        packed.CopyTo(unpacked);
        unpacked.Position = 0;
        using MetadataReaderProvider symbols = MetadataReaderProvider.FromPortablePdbStream(unpacked);
        MetadataReader reader = symbols.GetMetadataReader();
        if (!HasInformation(reader, EntityHandle.ModuleDefinition, s_sourceLink))
        {
            Assert.All(reader.Documents, document => Assert.True(HasInformation(reader, document, s_embeddedSource), reader.GetString(reader.GetDocument(document).Name)));
        }
    }

    /// <summary>A weaver that the JIT compiles first costs each build a second.</summary>
    [Theory]
    [InlineData("ILPreempt", "tools/net10.0/any/")]
    [InlineData("ILPreempt.Build", "tools/net10.0/")]
    public void Package_OfARelease_HasItsWeaverCompiledAhead(string id, string folder)
    {
        if (Repo.Configuration != "Release")
        {
            return;
        }

        using ZipArchive package = Open(id, "nupkg");
        foreach (string name in (string[])["ILPreempt.Weaver.dll", "Mono.Cecil.dll"])
        {
            using Stream packed = package.GetEntry(folder + name)!.Open();
            using MemoryStream unpacked = new();
            packed.CopyTo(unpacked);
            unpacked.Position = 0;
            using PEReader pe = new(unpacked);
            Assert.True(pe.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0, name);
        }
    }

    [Fact]
    public void Package_OfTheRuntime_HasTheHelper()
    {
        using ZipArchive package = Open("ILPreempt.Runtime", "nupkg");
        Assert.NotNull(package.GetEntry("runtimes/linux-x64/native/libilpreempt.so"));
        Assert.NotNull(package.GetEntry("lib/net10.0/ILPreempt.Runtime.xml"));
    }

    private static bool HasInformation(MetadataReader reader, EntityHandle parent, Guid kind) =>
        reader.GetCustomDebugInformation(parent).Any(handle => reader.GetGuid(reader.GetCustomDebugInformation(handle).Kind) == kind);

    private static ZipArchive Open(string id, string kind) => ZipFile.OpenRead($"{Feed.Root}/feed/{id}.{Feed.Version}.{kind}");
}
