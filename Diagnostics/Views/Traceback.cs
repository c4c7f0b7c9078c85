namespace ILPreempt.Diagnostics.Views;

/// <summary>What a process prints of its goroutines when it ends by an error: first the one in which that happened, running.</summary>
public static class Traceback
{
    // The throw itself, innermost: what the runtime does to find nobody who catches.
    private static readonly string[] s_throw = ["System.AppContext.", "System.Runtime.EH.", "Internal.Runtime.", "System.Runtime.ExceptionServices."];

    /// <summary>Writes it.</summary>
    /// <param name="process">What was read.</param>
    /// <param name="thread">The OS thread of the error.</param>
    /// <param name="all">Whether the others follow.</param>
    /// <param name="writer">Where to.</param>
    public static void Write(ProcessSnapshot process, uint thread, bool all, TextWriter writer)
    {
        GoroutineSnapshot? failed = process.Goroutines.FirstOrDefault(g => g.ThreadId == thread);
        if (failed != null)
        {
            Write(failed with { State = "Running", WaitReason = "", Waits = TimeSpan.Zero, WaitsFor = null, Frames = [.. failed.Frames.SkipWhile(IsThrow)] }, writer);
        }
        else if (process.Threads.FirstOrDefault(t => t.ThreadId == thread) is ThreadSnapshot other)
        {
            writer.WriteLine($"thread {thread} [no goroutine, managed id {other.ManagedId}]:");
            GoText.WriteFrames(other.Frames.SkipWhile(IsThrow), writer);
            writer.WriteLine();
        }

        foreach (GoroutineSnapshot g in process.Goroutines.Where(g => all && g != failed))
        {
            Write(g, writer);
        }
    }

    private static bool IsThrow(FrameSnapshot f) => s_throw.Any(t => f.Method.StartsWith(t, StringComparison.Ordinal));

    private static void Write(GoroutineSnapshot g, TextWriter writer)
    {
        writer.WriteLine(GoText.Header(g));
        GoText.WriteFrames(g.Frames, writer);
        GoText.WriteOrigin(g, writer);
        writer.WriteLine();
    }
}
