using System.Text.Json;

namespace ILPreempt.Diagnostics.Views;

/// <summary>The whole snapshot as JSON; docs/diagnostics.md has the schema. Durations are in milliseconds.</summary>
public static class JsonText
{
    /// <summary>The version of the schema: raised when a name changes its meaning or goes.</summary>
    public const int Version = 1;

    private static readonly JsonSerializerOptions s_options = new() { WriteIndented = true };

    /// <summary>Writes <paramref name="process"/> to <paramref name="writer"/>.</summary>
    public static void Write(ProcessSnapshot process, TextWriter writer) => writer.WriteLine(JsonSerializer.Serialize(
        new
        {
            version = Version,
            process = process.ProcessId,
            way = process.Way,
            hosted = process.IsHosted,
            goroutines = process.Goroutines.Select(g => new
            {
                id = g.Id,
                parent = g.ParentId,
                state = g.State.ToLowerInvariant(),
                waitReason = g.WaitReason.Length > 0 ? g.WaitReason : null,
                waitMs = g.Waits.TotalMilliseconds,
                locked = g.IsLocked,
                parkedBySignal = g.IsParkedBySignal,
                preemptedByCheck = g.PreemptedByCheck,
                preemptedBySignal = g.PreemptedBySignal,
                turns = g.Turns,
                cpuMs = g.Cpu?.TotalMilliseconds,
                thread = g.ThreadId,
                m = g.M,
                p = g.P,
                waitsFor = g.WaitsFor is WaitTarget w
                    ? new
                    {
                        type = w.Type,
                        address = $"0x{w.Address:x}",
                        ownerThread = w.OwnerThread,
                        ownerGoroutine = w.OwnerGoroutine,
                        kind = w.Kind,
                        dueMs = w.Due?.TotalMilliseconds,
                        fd = w.Descriptor,
                        local = w.Local,
                        remote = w.Remote,
                    }
                    : null,
                createdBy = g.CreatedBy is FrameSnapshot site ? Frame(site) : null,
                threadStart = g.ThreadStart,
                frames = Frames(g.Frames),
            }),
            threads = process.Threads.Select(t => new { thread = t.ThreadId, managedId = t.ManagedId, frames = Frames(t.Frames) }),
            notes = process.Notes,
        },
        s_options));

    private static IEnumerable<object> Frames(IReadOnlyList<FrameSnapshot> frames) =>
        frames.Select(Frame);

    private static object Frame(FrameSnapshot f) => new { method = f.Method, file = f.File, line = f.File == null ? (int?)null : f.Line };
}
