using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>Every program of the corpus (tests/Compatibility) behaves under the host as under plain dotnet.</summary>
public class CorpusTests
{
    public static TheoryData<string> Names => new(Rows.All.Select(r => r.Name));

    public static TheoryData<string> Light => new(Rows.All.Where(r => r.Light).Select(r => r.Name));

    public static TheoryData<string> Heavy => new(Rows.All.Where(r => !r.Light).Select(r => r.Name));

    [Theory]
    [MemberData(nameof(Names))]
    public void Program_Hosted_BehavesAsPlain(string name) => Compare(name, Mode.Plain);

    [Theory]
    [MemberData(nameof(Light))]
    public void Program_UnderStress_BehavesAsPlain(string name) => Compare(name, Mode.Stress);

    [LongTheory]
    [MemberData(nameof(Heavy))]
    public void HeavyProgram_UnderStress_BehavesAsPlain(string name) => Compare(name, Mode.Stress);

    [LongTheory]
    [MemberData(nameof(Names))]
    public void Program_OnOneProcessorUnderStress_BehavesAsPlain(string name) => Compare(name, Mode.OneProcessor);

    [LongTheory]
    [MemberData(nameof(Names))]
    public void Program_InAStormOfSignals_BehavesAsPlain(string name) => Compare(name, Mode.Storm);

    [LongTheory]
    [MemberData(nameof(Names))]
    public void Program_WithFrameworkWoven_BehavesAsPlain(string name) => Compare(name, Mode.WeaveAll);

    [Fact]
    public void Programs_EveryFolder_HasARow()
    {
        IEnumerable<string> folders = Directory.GetFiles(Path.Combine(Repo.Root, "tests", "Compatibility", "Programs"), "*.csproj", SearchOption.AllDirectories)
            .Select(f => Path.GetFileName(Path.GetDirectoryName(f)!));
        Assert.Empty(folders.Except(Rows.All.Select(r => r.Name)));
    }

    private static void Compare(string name, Mode mode)
    {
        if (Rows.All.Single(r => r.Name == name).Compare(mode) is { } difference)
        {
            Assert.Fail(difference);
        }
    }
}
