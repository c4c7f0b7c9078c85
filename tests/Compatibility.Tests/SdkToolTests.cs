using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>What the SDK's programs do beyond the corpus, whose rows csc, fsc, fsi, MSBuild and vstest are.</summary>
public class SdkToolTests
{
    [LongTheory]
    [InlineData("--info")]
    [InlineData("new list")]
    [InlineData("nosuchcommand")]
    public void DotnetCommand_Hosted_BehavesAsPlain(string arguments) =>
        Comparison.AssertSame("dotnet " + arguments, Path.Combine(Sdk.Folder, "dotnet.dll"), arguments.Split(' '), new ChildOptions { Environment = Sdk.Environment, Timeout = TimeSpan.FromSeconds(180) });

    [LongFact]
    public void VsTest_WithHostedTestHost_BehavesAsPlain()
    {
        Row row = Rows.All.Single(r => r.Name == "vstest");
        Assert.Null((row with { RunOptions = ["--children"] }).Compare(Mode.Plain));
    }
}
