using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>The build of the signal helper. The sources are copied, so that nothing of the real build is touched.</summary>
public class NativeBuildTests
{
    /// <summary>In a handler the dynamic linker must not be called: not for a function's address, nor for a thread's variables, for which it allocates.</summary>
    [Fact]
    public void Helper_Built_BindsWhenLoadedAndHasItsThreadVariablesAtAFixedPlace()
    {
        string helper = Path.Combine(Path.GetDirectoryName(Repo.IlPreempt)!, "libilpreempt.so");
        ChildResult flags = ChildProcess.Run("readelf", ["-d", helper]);
        Assert.True(flags.ExitCode == 0, flags.ToString());
        Assert.Contains("BIND_NOW", flags.StdOut, StringComparison.Ordinal);
        Assert.Contains("STATIC_TLS", flags.StdOut, StringComparison.Ordinal);
        Assert.DoesNotContain("__tls_get_addr", ChildProcess.Run("readelf", ["-sW", "--dyn-syms", helper]).StdOut, StringComparison.Ordinal);
    }

    [LongFact]
    public void Build_WithoutACompiler_SaysSoAndSucceeds()
    {
        string folder = Directory.CreateTempSubdirectory("ilpreempt-build-").FullName;
        try
        {
            foreach (string name in new[] { "Directory.Build.props", "Directory.Packages.props", ".editorconfig" })
            {
                File.Copy(Path.Combine(Repo.Root, name), Path.Combine(folder, name));
            }

            string source = Path.Combine(Repo.Root, "Runtime");
            string[] files = [.. Directory.GetFiles(source, "*", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(source, file))
                .Where(file => !file.StartsWith("bin/", StringComparison.Ordinal) && !file.StartsWith("obj/", StringComparison.Ordinal))];
            foreach (string file in files)
            {
                string target = Path.Combine(folder, "Runtime", file);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(Path.Combine(source, file), target);
            }

            ChildResult without = Build("no-such-compiler");
            Assert.True(without.ExitCode == 0, without.ToString());
            Assert.Contains("There is no C compiler (no-such-compiler)", without.StdOut, StringComparison.Ordinal);
            Assert.False(File.Exists(Helper()), "a helper from nowhere");

            // A compiler that comes later is used by the next build.
            ChildResult with = Build("cc");
            Assert.True(with.ExitCode == 0, with.ToString());
            Assert.True(File.Exists(Helper()), with.ToString());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        string Helper() => Path.Combine(folder, "Runtime", "bin", "Release", "net10.0", "libilpreempt.so");
        ChildResult Build(string compiler) => ChildProcess.Run(
            Repo.Dotnet,
            ["build", Path.Combine(folder, "Runtime"), "-c", "Release", "-nologo", $"-p:NativeCompiler={compiler}"],
            new ChildOptions { Timeout = TimeSpan.FromMinutes(5) });
    }
}
