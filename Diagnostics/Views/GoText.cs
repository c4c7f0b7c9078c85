using System.Globalization;

namespace ILPreempt.Diagnostics.Views;

/// <summary>
/// The text that Go prints on SIGQUIT: a block per goroutine, then the threads that carry none. Plain text adds a line in
/// brackets with what Go does not have: thread, CPU time, stops, and what it waits for.
/// </summary>
public static class GoText
{
    /// <summary>Writes <paramref name="process"/> to <paramref name="writer"/>.</summary>
    /// <param name="process">What was read.</param>
    /// <param name="writer">Where to.</param>
    /// <param name="strict">Exactly Go's form, for tools that parse it: nothing but goroutines.</param>
    public static void Write(ProcessSnapshot process, TextWriter writer, bool strict = false)
    {
        if (!process.IsHosted && !strict)
        {
            writer.WriteLine($"process {process.ProcessId} does not run on ILPreempt; its managed threads:");
            writer.WriteLine();
        }

        foreach (GoroutineSnapshot g in process.Goroutines)
        {
            writer.WriteLine(Header(g));
            if (!strict)
            {
                writer.WriteLine(Detail(g));
            }

            WriteFrames(g.Frames, writer);
            WriteOrigin(g, writer);
            writer.WriteLine();
        }

        if (strict)
        {
            return;
        }

        foreach (ThreadSnapshot thread in process.Threads)
        {
            writer.WriteLine($"thread {thread.ThreadId} [no goroutine, managed id {thread.ManagedId}]:");
            WriteFrames(thread.Frames, writer);
            writer.WriteLine();
        }

        WriteFooter(process, writer);
    }

    /// <summary>Go's first line of a block: id, state or wait reason, minutes of waiting, locked to thread.</summary>
    public static string Header(GoroutineSnapshot g)
    {
        string what = g.WaitReason.Length > 0 ? g.WaitReason : g.State.ToLowerInvariant();
        string minutes = g.Waits.TotalMinutes >= 1 ? $", {(int)g.Waits.TotalMinutes} minutes" : "";
        string locked = g.IsLocked ? ", locked to thread" : "";
        return $"goroutine {g.Id} [{what}{minutes}{locked}]:";
    }

    /// <summary>Where it was started, as Go prints it.</summary>
    internal static void WriteOrigin(GoroutineSnapshot g, TextWriter writer)
    {
        if (g.CreatedBy is FrameSnapshot site)
        {
            writer.WriteLine($"created by {site.Method} in goroutine {g.ParentId}");
            if (site.File != null)
            {
                writer.WriteLine($"\t{site.File}:{site.Line}");
            }
        }
        else if (g.ParentId != 0)
        {
            writer.WriteLine($"created by goroutine {g.ParentId}");
        }
    }

    internal static void WriteFooter(ProcessSnapshot process, TextWriter writer)
    {
        foreach (string note in process.Notes)
        {
            writer.WriteLine($"note: {note}");
        }

        writer.WriteLine($"==> {process.Goroutines.Count} goroutines, {process.Threads.Count} threads without one; read by {process.Way}");
    }

    internal static void WriteFrames(IEnumerable<FrameSnapshot> frames, TextWriter writer, string indent = "")
    {
        foreach (FrameSnapshot frame in frames)
        {
            writer.WriteLine(indent + frame.Method);
            if (frame.File != null)
            {
                writer.WriteLine($"{indent}\t{frame.File}:{frame.Line}");
            }
        }
    }

    internal static string Detail(GoroutineSnapshot g)
    {
        List<string> parts = [];
        parts.Add(g.ThreadId == 0 ? "not started" : $"thread {g.ThreadId}, m{g.M}{(g.P >= 0 ? $", p{g.P}" : "")}");
        if (g.Cpu is TimeSpan cpu)
        {
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"cpu {cpu.TotalMilliseconds:F0} ms"));
        }

        parts.Add($"{g.Turns} turns, stopped {g.PreemptedByCheck} times by a check, {g.PreemptedBySignal} by a signal{(g.IsParkedBySignal ? " (now)" : "")}");
        if (g.WaitsFor is WaitTarget w)
        {
            parts.Add($"waits for {Describe(w)}");
        }

        if (g.ThreadStart is string start)
        {
            parts.Add($"a thread that began with {start}");
        }

        return $"[{string.Join("; ", parts)}]";
    }

    private static string Describe(WaitTarget w)
    {
        if (w.Due is TimeSpan due)
        {
            return string.Create(CultureInfo.InvariantCulture, $"a timer that is due in {due.TotalMilliseconds:F0} ms");
        }

        string owner = w.OwnerGoroutine != 0 ? $", held by goroutine {w.OwnerGoroutine}" : w.OwnerThread != 0 ? $", held by thread {w.OwnerThread}" : "";
        string addresses = w.Local == null ? "" : w.Remote == null ? $" {w.Local}" : $" {w.Local} <- {w.Remote}";
        return w.Descriptor is int fd ? $"socket {fd}{addresses}" : $"{w.Type} 0x{w.Address:x}{owner}";
    }
}
