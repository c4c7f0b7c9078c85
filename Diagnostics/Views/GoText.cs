namespace ILPreempt.Diagnostics.Views;

/// <summary>The text that Go prints on SIGQUIT: a block per goroutine, then the threads that carry none.</summary>
public static class GoText
{
    /// <summary>Writes <paramref name="process"/> to <paramref name="writer"/>.</summary>
    public static void Write(ProcessSnapshot process, TextWriter writer)
    {
        if (!process.IsHosted)
        {
            writer.WriteLine($"process {process.ProcessId} does not run on ILPreempt; its managed threads:");
            writer.WriteLine();
        }

        foreach (GoroutineSnapshot g in process.Goroutines)
        {
            writer.WriteLine(Header(g));
            WriteFrames(g.Frames, writer);
            if (g.ParentId != 0)
            {
                writer.WriteLine($"created by goroutine {g.ParentId}");
            }

            writer.WriteLine();
        }

        foreach (ThreadSnapshot thread in process.Threads)
        {
            writer.WriteLine($"thread {thread.ThreadId} [no goroutine, managed id {thread.ManagedId}]:");
            WriteFrames(thread.Frames, writer);
            writer.WriteLine();
        }

        writer.WriteLine($"==> {process.Goroutines.Count} goroutines, {process.Threads.Count} threads without one");
    }

    /// <summary>Go's first line of a block: id, state or wait reason, minutes of waiting, locked to thread.</summary>
    public static string Header(GoroutineSnapshot g)
    {
        string what = g.WaitReason.Length > 0 ? g.WaitReason : g.State.ToLowerInvariant();
        string minutes = g.Waits.TotalMinutes >= 1 ? $", {(int)g.Waits.TotalMinutes} minutes" : "";
        string locked = g.IsLocked ? ", locked to thread" : "";
        return $"goroutine {g.Id} [{what}{minutes}{locked}]:";
    }

    private static void WriteFrames(IReadOnlyList<string> frames, TextWriter writer)
    {
        foreach (string frame in frames)
        {
            writer.WriteLine(frame);
        }
    }
}
