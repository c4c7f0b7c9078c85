using System.Diagnostics;

namespace ILPreempt.Host.Launch;

/// <summary>Builds a project given to <c>run</c> and finds its output. Nothing of the build reaches standard output.</summary>
internal static class ProjectBuild
{
    private static readonly string[] s_kinds = ["*.csproj", "*.fsproj", "*.vbproj"];

    /// <summary>Whether the target is a project file, or a folder with one in it.</summary>
    public static bool IsProject(string target) => target.EndsWith("proj", StringComparison.Ordinal) && File.Exists(target)
        || Directory.Exists(target) && ProjectsIn(target).Length > 0;

    /// <summary>Builds in Release and returns the full path of the program's dll.</summary>
    public static string Build(string target, bool verbose)
    {
        string project = target;
        if (Directory.Exists(target))
        {
            string[] projects = ProjectsIn(target);
            project = projects.Length == 1
                ? projects[0]
                : throw new UserException(ExitCode.Usage, $"{target}: holds {projects.Length} project files; name one of them.");
        }

        project = Path.GetFullPath(project);
        if (verbose)
        {
            Console.Error.WriteLine($"ilpreempt: building {project}");
        }

        (int exitCode, string output, string log) = Dotnet(
            ["build", project, "-c", "Release", "-nologo", "-v:quiet", "-t:Build", "-getProperty:TargetPath"]);
        string path = output.Trim();
        if (exitCode != 0)
        {
            Console.Error.Write(log + output);
            throw new UserException(ExitCode.Unavailable, $"{project}: does not build (dotnet build exited with {exitCode}).");
        }

        return File.Exists(path)
            ? path
            : throw new UserException(ExitCode.Data, $"{project}: building it made no program ('{path}'); is it a single-target project with an entry point?");
    }

    private static string[] ProjectsIn(string folder) => [.. s_kinds.SelectMany(kind => Directory.GetFiles(folder, kind))];

    private static (int ExitCode, string Output, string Log) Dotnet(string[] arguments)
    {
        ProcessStartInfo info = new(Launch.Dotnet.Find()) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(info)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
