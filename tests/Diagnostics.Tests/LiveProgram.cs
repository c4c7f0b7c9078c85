using System.Diagnostics;
using System.Globalization;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Diagnostics.Tests;

/// <summary>
/// A hosted test program that has said it is ready. It is a grandchild of this process: .NET waits for its children and takes the
/// stops of a traced one for its own, so that a reader by ptrace would wait for ever.
/// </summary>
internal static class LiveProgram
{
    /// <summary>Runs it, calls <paramref name="use"/> with its process id when it prints "ready PID", then lets it end.</summary>
    public static ChildResult Use(string app, string[] options, string[] arguments, Action<int> use)
    {
        Exception? failure = null;
        bool used = false;
        ChildResult child = ChildProcess.Run("/bin/sh", ["-c", "\"$0\" \"$@\" & wait", Repo.IlPreempt, "run", .. options, app, .. arguments], new ChildOptions
        {
            Timeout = TimeSpan.FromSeconds(90),
            OnOutputLine = (_, line) =>
            {
                if (used || !line.StartsWith("ready ", StringComparison.Ordinal))
                {
                    return;
                }

                used = true;
                int pid = int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
                try
                {
                    use(pid);
                }
                catch (Exception e)
                {
                    failure = e;
                }

                Kill(pid);
            },
        });
        Assert.True(failure == null, failure?.ToString());
        Assert.True(used, $"it never was ready: {child}");
        return child;
    }

    /// <summary>Ends it, if it has not ended.</summary>
    public static void Kill(int pid)
    {
        try
        {
            using Process process = Process.GetProcessById(pid);
            process.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // It has.
        }
    }
}
