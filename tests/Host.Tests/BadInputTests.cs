using System.Reflection.PortableExecutable;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>What cannot be hosted: one line that names the file and the remedy, an exit code from 64 up, nothing on standard output.</summary>
public sealed class BadInputTests
{
    [Fact]
    public void Target_Missing_Exits66() => Refused(66, "/nowhere/App.dll", "no such file");

    [Fact]
    public void Target_Text_Exits65()
    {
        using Sandbox sandbox = new();
        Refused(65, sandbox.Write("App.dll", "not an assembly"), "not a PE file");
    }

    [Fact]
    public void Target_Truncated_Exits65()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("HostProbe");
        byte[] image = File.ReadAllBytes(app);
        File.WriteAllBytes(app, image[..(image.Length / 2)]);
        Refused(65, app, "damaged or truncated");
    }

    [Fact]
    public void Target_NativeLibrary_Exits65()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("Hello");
        Patch(app, (image, headers) =>
        {
            // The directory of the CLI header is the 15th of 16.
            int directories = headers.PEHeaderStartOffset + (headers.PEHeader!.Magic == PEMagic.PE32 ? 96 : 112);
            image.AsSpan(directories + (14 * 8), 8).Clear();
        });
        Refused(65, app, "native library");
    }

    [Fact]
    public void Target_MixedMode_Exits65()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("Hello");
        Patch(app, (image, headers) => image[headers.CorHeaderStartOffset + 16] &= 0xFE);
        Refused(65, app, "mixed-mode");
    }

    [Fact]
    public void Target_NativeLauncher_NamesTheDll()
    {
        // The command itself is such a launcher.
        Refused(65, Repo.IlPreempt, Repo.IlPreempt + ".dll");
    }

    [Fact]
    public void Target_NativeProgram_Exits65() => Refused(65, "/bin/sh", "native ELF file");

    [Fact]
    public void Target_Library_Exits65()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("Plugin");
        Refused(65, app, "without an entry point");
    }

    [Fact]
    public void Target_WithoutRuntimeConfig_Exits66()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("Hello");
        File.Delete(Path.ChangeExtension(app, ".runtimeconfig.json"));
        Refused(66, app, "is missing");
    }

    [Fact]
    public void Target_SelfContained_Exits65()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("Hello");
        string config = Path.ChangeExtension(app, ".runtimeconfig.json");
        File.WriteAllText(config, """{ "runtimeOptions": { "includedFrameworks": [ { "name": "Microsoft.NETCore.App", "version": "10.0.0" } ] } }""");
        Refused(65, app, "self-contained");
    }

    [Fact]
    public void RuntimeConfig_NotJson_Exits65()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("Hello");
        File.WriteAllText(Path.ChangeExtension(app, ".runtimeconfig.json"), "{ no json");
        Refused(65, app, "not valid JSON");
    }

    [Fact]
    public void Dependency_Missing_FailsWherePlainFails()
    {
        // Not refused: a program that never comes to use the missing file has to run.
        using Sandbox sandbox = new();
        string app = sandbox.Copy("NewtonsoftApp");
        File.Delete(Path.Combine(Path.GetDirectoryName(app)!, "Newtonsoft.Json.dll"));
        ChildResult plain = ChildProcess.Plain(app);
        ChildResult hosted = ChildProcess.Hosted(app, [], Sandbox.Shared());
        Assert.Equal((134, plain.StdOut, plain.StdErr), (hosted.ExitCode, hosted.StdOut, hosted.StdErr));
    }

    [Fact]
    public void Framework_NotInstalled_Exits69()
    {
        using Sandbox sandbox = new();
        string app = sandbox.Copy("Hello");
        string config = Path.ChangeExtension(app, ".runtimeconfig.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("Microsoft.NETCore.App", "No.Such.Framework", StringComparison.Ordinal));
        Refused(69, app, "No.Such.Framework");
    }

    [Fact]
    public void Folder_WithoutProject_Exits66()
    {
        using Sandbox sandbox = new();
        Refused(66, sandbox.Folder, "no project file");
    }

    [Fact]
    public void Project_ThatDoesNotBuild_Exits69()
    {
        using Sandbox sandbox = new();
        string project = WriteProject(sandbox, "this is no C#");
        ChildResult result = ChildProcess.Hosted(project, [], Sandbox.Shared());
        Assert.True(result is { ExitCode: 69, StdOut: "" } && result.StdErr.Contains("error CS", StringComparison.Ordinal), result.ToString());
    }

    [Fact]
    public void Project_ThatBuilds_Runs()
    {
        using Sandbox sandbox = new();
        string project = WriteProject(sandbox, "System.Console.WriteLine(string.Join('|', args)); return 9;");
        ChildResult result = ChildProcess.Hosted(Path.GetDirectoryName(project)!, ["a", "--slice"], Sandbox.Shared());
        Assert.True(result is { ExitCode: 9, StdOut: "a|--slice\n", StdErr: "" }, result.ToString());
    }

    [Theory]
    [InlineData("--slice", "10")]
    [InlineData("--slice", "50us")]
    [InlineData("--maxprocs", "0")]
    [InlineData("--maxthreads", "many")]
    [InlineData("--stack", "2G")]
    [InlineData("--schedtrace", "-1")]
    [InlineData("--stress", "1:x")]
    [InlineData("--weave", "some")]
    [InlineData("--checks", "few")]
    public void Option_WithBadValue_Exits64(string option, string value)
    {
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("Hello"), [], Sandbox.Shared(), [option, value]);
        Assert.True(result is { ExitCode: 64, StdOut: "" } && OneLine(result.StdErr) && result.StdErr.Contains(option, StringComparison.Ordinal), result.ToString());
    }

    [Fact]
    public void Option_Unknown_Exits64()
    {
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("Hello"), [], Sandbox.Shared(), ["--nonsense"]);
        Assert.True(result is { ExitCode: 64, StdOut: "" } && OneLine(result.StdErr), result.ToString());
    }

    private static void Refused(int exitCode, string app, string words)
    {
        ChildResult result = ChildProcess.Hosted(app, [], Sandbox.Shared());
        Assert.True(
            result.ExitCode == exitCode && result.StdOut.Length == 0 && OneLine(result.StdErr)
            && result.StdErr.Contains(words, StringComparison.Ordinal) && result.StdErr.Contains(Path.GetFileNameWithoutExtension(app), StringComparison.Ordinal),
            result.ToString());
    }

    private static bool OneLine(string text) => text.StartsWith("ilpreempt: ", StringComparison.Ordinal) && text.IndexOf('\n') == text.Length - 1;

    private static void Patch(string file, Action<byte[], PEHeaders> change)
    {
        byte[] image = File.ReadAllBytes(file);
        using (PEReader reader = new(new MemoryStream(image)))
        {
            change(image, reader.PEHeaders);
        }

        File.WriteAllBytes(file, image);
    }

    private static string WriteProject(Sandbox sandbox, string program)
    {
        sandbox.Write("project/Program.cs", program);
        return sandbox.Write("project/Small.csproj", """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
              </PropertyGroup>
            </Project>
            """);
    }
}
