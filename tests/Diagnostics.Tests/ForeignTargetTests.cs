using System.Buffers.Binary;
using System.Diagnostics;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Diagnostics.Tests;

/// <summary>Targets that the tool can't read, or only in part: one clear line each, and the target goes on.</summary>
public class ForeignTargetTests
{
    [Fact]
    public void Read_ANativeProcess_SaysThatItRunsNoDotnet()
    {
        using Process sleep = Process.Start("/bin/sleep", "100");
        try
        {
            AssertOneLine(Dump($"{sleep.Id}"), "no .NET");
            Assert.False(sleep.HasExited);
        }
        finally
        {
            sleep.Kill();
        }
    }

    [MuslFact]
    public void Read_AMuslProcess_SaysThatItRunsNoDotnet()
    {
        string folder = Directory.CreateTempSubdirectory("ilpreempt-musl").FullName;
        try
        {
            string program = Path.Combine(folder, "wait");
            File.WriteAllText(program + ".c", "#include <unistd.h>\nint main(void) { return sleep(100); }\n");
            Assert.Equal(0, ChildProcess.Run(MuslFactAttribute.Compiler!, ["-static", "-o", program, program + ".c"]).ExitCode);
            using Process wait = Process.Start(program);
            AssertOneLine(Dump($"{wait.Id}"), "no .NET");
            Assert.False(wait.HasExited);
            wait.Kill();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [RootFact]
    public void Read_AsAnotherUser_IsRefusedInOneLineByEachWay() => LiveProgram.Use(Repo.TestApp("EveryState"), ["--maxprocs", "2"], ["5"], pid =>
    {
        const string Nobody = "65534";
        foreach (string way in (string[])["auto", "socket", "attach"])
        {
            ChildResult dump = ChildProcess.Run("setpriv", ["--reuid", Nobody, "--regid", Nobody, "--clear-groups", Readable.Dotnet, Readable.Tool, "dump", $"{pid}", "--via", way], new ChildOptions
            {
                Environment = new Dictionary<string, string?> { ["HOME"] = "/tmp", ["DOTNET_EnableDiagnostics"] = "0" },
            });
            AssertOneLine(dump, $"{pid}");
        }

        Assert.Equal("EveryState", ProcessStatus.Ask(pid).App);
    });

    [Fact]
    public void Read_ACoreThatIsCutOff_IsOneLineOrSaysWhatIsMissing() => WithCore((core, _) =>
    {
        long whole = new FileInfo(core).Length;
        foreach (long length in (long[])[0, 40, 1000, whole / 100, whole / 4, whole * 3 / 4])
        {
            using (FileStream file = new(core, FileMode.Open))
            {
                file.SetLength(Math.Min(length, file.Length));
            }

            AssertOneLine(Dump(core), core);
        }
    });

    [Fact]
    public void Read_ACoreOfAnotherVersion_SaysWhichVersionsThereAre() => WithCore((core, header) =>
    {
        byte[] bytes = File.ReadAllBytes(core);
        foreach (int at in header)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 8), 77);
        }

        File.WriteAllBytes(core, bytes);
        ChildResult dump = Dump(core);
        string line = Assert.Single(dump.StdOut.Split('\n'), l => l.Contains("another version", StringComparison.Ordinal));
        Assert.Contains("table 77", line, StringComparison.Ordinal);
        Assert.Equal("", dump.StdErr);
    });

    /// <summary>Collects a core, and finds where in it the scheduler's table begins.</summary>
    private static void WithCore(Action<string, List<int>> use) => LiveProgram.Use(Repo.TestApp("EveryState"), ["--maxprocs", "2"], ["5"], pid =>
    {
        string core = Path.Combine(Path.GetTempPath(), $"foreign-{pid}.core");
        try
        {
            ProcessReader.WriteCore(pid, core);
            byte[] bytes = File.ReadAllBytes(core);
            List<int> headers = [];
            for (int at = 0, next; (next = bytes.AsSpan(at).IndexOf("ILPGMP\0\0\u0001\0\0\0"u8)) >= 0; at += next + 1)
            {
                headers.Add(at + next);
            }

            Assert.NotEmpty(headers);
            use(core, headers);
        }
        finally
        {
            File.Delete(core);
        }
    });

    private static ChildResult Dump(string target) => ChildProcess.Run(Repo.IlPreempt, ["dump", target], new ChildOptions { Timeout = TimeSpan.FromSeconds(60) });

    private static void AssertOneLine(ChildResult child, string part)
    {
        Assert.True(child.ExitCode == 69, child.ToString());
        Assert.Equal("", child.StdOut);
        Assert.Contains(part, Assert.Single(child.StdErr.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    /// <summary>The tool and dotnet as another user finds them, who may not enter the builder's home folder.</summary>
    private static class Readable
    {
        public static string Dotnet => Repo.Dotnet;

        public static string Tool => Repo.IlPreempt + ".dll";
    }
}

/// <summary>A fact that needs musl's C compiler (Debian: musl-tools).</summary>
internal sealed class MuslFactAttribute : FactAttribute
{
    public MuslFactAttribute() => Skip = Compiler == null ? "there is no musl-gcc" : null;

    public static string? Compiler { get; } = Environment.GetEnvironmentVariable("PATH")?.Split(':').Select(f => Path.Combine(f, "musl-gcc")).FirstOrDefault(File.Exists);
}

/// <summary>A fact that needs to become another user, which only root may.</summary>
internal sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() => Skip = Environment.UserName != "root" || !File.Exists("/usr/bin/setpriv") ? "only root may run a child as another user (setpriv)" : null;
}
