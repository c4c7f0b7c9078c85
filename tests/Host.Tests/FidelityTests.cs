using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>A program sees, says and ends the same hosted as under plain dotnet.</summary>
public sealed class FidelityTests
{
    private static readonly string[] s_mathLibraries = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6", "/usr/lib/libm.so.6"];

    [Theory]
    [InlineData("exit", "0")]
    [InlineData("exit", "7")]
    [InlineData("exit", "255")]
    [InlineData("environment-exit", "3")]
    [InlineData("throw")]
    [InlineData("throw-on-thread")]
    [InlineData("fail-fast")]
    [InlineData("identity")]
    [InlineData("arguments", "a", "--slice", "1", "", "with space", "--", "--help", "-")]
    [InlineData("environment")]
    [InlineData("properties")]
    [InlineData("resources")]
    [InlineData("culture")]
    [InlineData("process-exit")]
    [InlineData("threads")]
    [InlineData("limits")]
    [InlineData("recurse")]
    [InlineData("assemblies")]
    [InlineData("files")]
    [InlineData("big-frames", "6")]
    public void Scenario_Hosted_SameAsPlain(params string[] arguments) => SameAsPlain(Repo.TestApp("HostProbe"), arguments, Sandbox.Shared());

    [Fact]
    public void Input_Piped_ReachesProgram() =>
        SameAsPlain(Repo.TestApp("HostProbe"), ["stdin"], Sandbox.Shared() with { Input = "one\ntwo\nlast without newline" });

    [Fact]
    public void CurrentFolder_WithRelativeTarget_IsTheCallers()
    {
        using Sandbox sandbox = new();
        sandbox.Copy("HostProbe");
        SameAsPlain(Path.Combine("app", "HostProbe.dll"), ["identity"], Sandbox.Shared() with { WorkingDirectory = sandbox.Folder });
    }

    [Fact]
    public void Link_ToProgram_IsFollowed()
    {
        using Sandbox sandbox = new();
        string link = Path.Combine(sandbox.Folder, "link.dll");
        File.CreateSymbolicLink(link, sandbox.Copy("HostProbe"));
        SameAsPlain(link, ["identity"], Sandbox.Shared());
    }

    [Theory]
    [InlineData(15, "wait-for-signal", "handled")]
    [InlineData(15, "wait-for-signal", "default")]
    [InlineData(2, "wait-for-signal", "default")]
    [InlineData(2, "cancel-key")]
    public void Signal_ToProgram_HasTheSameEffect(int signal, params string[] arguments)
    {
        ChildOptions options = Sandbox.Shared() with
        {
            OnOutputLine = (child, line) =>
            {
                if (line == "ready")
                {
                    child.Signal(signal);
                }
            },
        };
        SameAsPlain(Repo.TestApp("HostProbe"), arguments, options);
    }

    [Fact]
    public void Program_WithoutDepsFile_TrustsItsFolder()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("NewtonsoftApp");
        File.Delete(Path.ChangeExtension(app, ".deps.json"));
        SameAsPlain(app, [], Sandbox.Shared());
    }

    [Fact]
    public void Program_WithHooksOff_RunsHostedAndSeesThemOff()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("HostProbe");
        string config = Path.ChangeExtension(app, ".runtimeconfig.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace(
            "\"configProperties\": {", "\"configProperties\": { \"System.StartupHookProvider.IsSupported\": false,", StringComparison.Ordinal));
        ChildOptions options = Sandbox.Shared(variables => variables["DOTNET_STARTUP_HOOKS"] = Repo.TestApp("Hello"));
        SameAsPlain(app, ["properties"], options);
        SameAsPlain(app, ["environment"], options);
        SameAsPlain(app, ["identity"], options);
    }

    [Fact]
    public void Hook_OfTheUser_StillRuns()
    {
        ChildOptions options = Sandbox.Shared(variables => variables["DOTNET_STARTUP_HOOKS"] = Repo.TestApp("Hello"));
        ChildResult hosted = SameAsPlain(Repo.TestApp("HostProbe"), ["environment"], options);
        Assert.StartsWith("hook of the user", hosted.StdOut, StringComparison.Ordinal);
    }

    [Fact]
    public void NativeLibrary_BesideTheProgram_IsFound()
    {
        string? math = s_mathLibraries.FirstOrDefault(File.Exists);
        Assert.True(math is not null, "This machine has no C library where the test looks for one.");
        using Sandbox sandbox = new();
        string app = sandbox.Copy("HostProbe");
        File.Copy(math, Path.Combine(Path.GetDirectoryName(app)!, "libprobenative.so"));
        ChildResult hosted = SameAsPlain(app, ["native"], Sandbox.Shared());
        Assert.Equal("1\n", hosted.StdOut);
    }

    [Fact]
    public void Stack_OfMain_IsLarge()
    {
        // 12 frames of 1 MB each kill a plain process whose limit is the usual 8 MB.
        ChildResult hosted = ChildProcess.Hosted(Repo.TestApp("HostProbe"), ["big-frames", "12"], Sandbox.Shared());
        Assert.True(hosted is { ExitCode: 0, StdOut: "12\n" }, hosted.ToString());
    }

    [Fact]
    public void Children_WithTheOption_AreHosted()
    {
        string app = Repo.TestApp("HostProbe");
        ChildResult hosted = ChildProcess.Hosted(app, ["children", "exec", app, "big-frames", "12"], Sandbox.Shared(), ["--children"]);
        Assert.True(hosted is { ExitCode: 0, StdOut: "12\n" }, hosted.ToString());
    }

    [Theory]
    [InlineData("none")]
    [InlineData("app")]
    [InlineData("all")]
    public void Scope_Any_RunsTheSame(string scope)
    {
        string app = Repo.TestApp("HostProbe");
        ChildResult plain = ChildProcess.Plain(app, ["exit", "7"]);
        ChildResult hosted = ChildProcess.Hosted(app, ["exit", "7"], Sandbox.Shared(), ["--weave", scope]);
        Assert.Equal(plain with { Elapsed = default }, hosted with { Elapsed = default });
    }

    private static ChildResult SameAsPlain(string app, string[] arguments, ChildOptions options)
    {
        // The variable that tells the cache's place is there in both runs.
        ChildResult plain = ChildProcess.Plain(app, arguments, options);
        ChildResult hosted = ChildProcess.Hosted(app, arguments, options);
        Assert.Equal((plain with { Elapsed = default }).ToString(), (hosted with { Elapsed = default }).ToString());
        return hosted;
    }
}
