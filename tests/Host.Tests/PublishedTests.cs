using System.Text;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Host.Tests;

/// <summary>Programs that are published in a form that holds no IL to weave: real files, refused in one line that says what to do instead.</summary>
public sealed class PublishedTests : IDisposable
{
    private readonly Sandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public void SingleFile_Published_IsRefused() => Refused(Publish("-p:PublishSingleFile=true", "--no-self-contained"), "Small", "-p:PublishSingleFile=false");

    [Fact]
    public void SelfContained_Published_IsRefused()
    {
        string folder = Publish("--self-contained");
        Refused(folder, "Small.dll", "--no-self-contained");
        Refused(folder, "Small", "Small.dll");
    }

    [FactIfOnPath("clang", "gcc")]
    public void NativeAot_Published_IsRefused() => Refused(Publish("-p:PublishAot=true"), "Small", "-p:PublishAot=false");

    [Fact]
    public void NetFramework_Program_IsRefused()
    {
        // Its reference assemblies are not on every machine; what tells it is this attribute, of the same length.
        string app = _sandbox.Copy("Hello");
        byte[] image = File.ReadAllBytes(app);
        int at = image.AsSpan().IndexOf(".NETCoreApp,Version=v10.0"u8);
        Encoding.ASCII.GetBytes(".NETFramework,Version=v48", image.AsSpan(at));
        File.WriteAllBytes(app, image);
        Refused(Path.GetDirectoryName(app)!, "Hello.dll", "retarget its project to net10.0");
    }

    private string Publish(params string[] how)
    {
        _sandbox.Write("project/Program.cs", "System.Console.WriteLine(1);");
        string project = _sandbox.Write("project/Small.csproj", """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
              </PropertyGroup>
            </Project>
            """);
        string output = Path.Combine(_sandbox.Folder, "published");
        ChildResult result = ChildProcess.Run(Repo.Dotnet, ["publish", project, "-r", "linux-x64", "-o", output, .. how], new ChildOptions { Timeout = TimeSpan.FromMinutes(5) });
        Assert.True(result.ExitCode == 0, result.ToString());
        return output;
    }

    private static void Refused(string folder, string file, string remedy)
    {
        ChildResult result = ChildProcess.Hosted(Path.Combine(folder, file), [], Sandbox.Shared());
        Assert.True(result is { ExitCode: 65, StdOut: "" } && result.StdErr.IndexOf('\n') == result.StdErr.Length - 1, result.ToString());
        Assert.Contains(remedy, result.StdErr, StringComparison.Ordinal);
    }
}

/// <summary>A fact that is skipped, with the reason, where none of the programs is installed.</summary>
internal sealed class FactIfOnPathAttribute : FactAttribute
{
    public FactIfOnPathAttribute(params string[] anyOf)
    {
        string[] path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        if (!anyOf.Any(program => path.Any(folder => File.Exists(Path.Combine(folder, program)))))
        {
            Skip = $"needs {string.Join(" or ", anyOf)}";
        }
    }
}
