using System.Diagnostics;
using System.Globalization;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Diagnostics.Views;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Diagnostics.Tests;

public class ProcessReaderTests
{
    [Fact]
    public void Read_AGoroutineInEachState_EachOnceWithItsReasonAndStack()
    {
        ProcessSnapshot process = ReadWhenReady(Repo.TestApp("Scenarios"), ["dump-me"]);

        Assert.True(process.IsHosted);
        Assert.Equal(5, process.Goroutines.Count);
        GoroutineSnapshot main = Assert.Single(process.Goroutines, g => g.Id == 1);
        Assert.Contains(main.Frames, f => f.Method.Contains("DumpMe", StringComparison.Ordinal));
        AssertWaits(process, "Receiver", "goroutine N [chan receive]:");
        AssertWaits(process, "Sleeper", "goroutine N [sleep]:");
        AssertWaits(process, "Locked", "goroutine N [semacquire, locked to thread]:");
        GoroutineSnapshot spinner = Assert.Single(process.Goroutines, g => Runs(g, "Spinner"));
        Assert.Contains(spinner.State, (string[])["Running", "Runnable", "Syscall"]);
        Assert.All(process.Goroutines.Where(g => g.Id > 1), g => Assert.Equal(1, g.ParentId));
        Assert.All(process.Goroutines, g => Assert.DoesNotContain(g.Frames, f => f.Method.StartsWith("ILPreempt.", StringComparison.Ordinal)));
        Assert.DoesNotContain(process.Threads, t => process.Goroutines.Any(g => g.ThreadId == t.ThreadId));
    }

    [Fact]
    public void Read_GoroutinesStoppedByASignal_HaveTheirStacks()
    {
        // On one processor three endless loops take turns; at any time at least one of them is stopped by a signal.
        ProcessSnapshot process = ReadWhenReady(
            Repo.TestApp("SignalGuest"), ["dump-me"], ("ILPREEMPT_MAXPROCS", "1"), ("ILPREEMPT_SLICE", "1ms"));
        GoroutineSnapshot[] loops = [.. process.Goroutines.Where(g => g.Id > 1)];
        Assert.Equal(3, loops.Length);
        GoroutineSnapshot[] stopped = [.. loops.Where(g => g.State == "Runnable")];
        Assert.NotEmpty(stopped);
        Assert.All(stopped, g => Assert.True(Runs(g, "Spin"), $"{g.State}: {string.Join(" < ", g.Frames.Select(f => f.Method))}"));
    }

    [Fact]
    public void Read_ProcessWithoutTheScheduler_ShowsItsThreads()
    {
        ProcessSnapshot process = ReadWhenReady(Repo.TestApp("Scenarios"), ["plain-threads"]);

        Assert.False(process.IsHosted);
        Assert.Empty(process.Goroutines);
        Assert.Contains(process.Threads, t => t.Frames.Any(f => f.Method.Contains("PlainThreads", StringComparison.Ordinal)));
    }

    [Fact]
    public void Read_NoSuchProcess_SaysSoInOneLine()
    {
        AttachException e = Assert.Throws<AttachException>(() => ProcessReader.Read(int.MaxValue));
        Assert.DoesNotContain('\n', e.Message);
        Assert.Contains($"{int.MaxValue}", e.Message, StringComparison.Ordinal);
    }

    private static void AssertWaits(ProcessSnapshot process, string method, string header)
    {
        GoroutineSnapshot g = Assert.Single(process.Goroutines, g => Runs(g, method));
        Assert.Equal(header.Replace("N", $"{g.Id}", StringComparison.Ordinal), GoText.Header(g));
        Assert.NotEqual(0u, g.ThreadId);
    }

    private static bool Runs(GoroutineSnapshot g, string method) => g.Frames.Any(f => f.Method.Contains(method, StringComparison.Ordinal));

    /// <summary>
    /// Reads a grandchild of this process. Not a child: .NET waits for its children and takes the stops of a traced one for
    /// its own, so that the reader would wait for ever.
    /// </summary>
    private static ProcessSnapshot ReadWhenReady(string app, string[] arguments, params (string Name, string Value)[] environment)
    {
        ProcessSnapshot? snapshot = null;
        Exception? failure = null;
        ChildResult child = ChildProcess.Run("/bin/sh", ["-c", "\"$0\" \"$@\" & wait", Repo.Dotnet, app, .. arguments], new ChildOptions
        {
            Timeout = TimeSpan.FromSeconds(60),
            Environment = environment.ToDictionary(e => e.Name, e => (string?)e.Value),
            OnOutputLine = (_, line) =>
            {
                using Process ready = Process.GetProcessById(int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
                try
                {
                    // A thread that is caught in a helper of the runtime has no stack for the debugging library; a moment later it has.
                    int tries = 5;
                    do
                    {
                        snapshot = ProcessReader.Read(ready.Id);
                    }
                    while (--tries > 0 && snapshot.Goroutines.Any(g => g.Frames.Count == 0));
                }
                catch (Exception e)
                {
                    failure = e;
                }

                ready.Kill();
            },
        });
        Assert.True(snapshot != null, failure?.ToString() ?? $"nothing was read: {child}");
        return snapshot;
    }
}
