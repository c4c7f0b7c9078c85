using ILPreempt.Diagnostics.Symbols;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>Stacks of the threads of one runtime.</summary>
internal sealed class StackReader
{
    /// <summary>Bound against a corrupt stack, far above what is useful to print.</summary>
    private const int MaxFrames = 200;

    private readonly ClrRuntime _runtime;
    private readonly SavedRegisters _memory;
    private readonly SourceLines _lines;
    private readonly bool _all;
    private int _failed;

    public StackReader(ClrRuntime runtime, SavedRegisters memory, SourceLines lines, bool all)
    {
        _runtime = runtime;
        _memory = memory;
        _lines = lines;
        _all = all;
        foreach (ClrThread thread in runtime.Threads.Where(t => t.IsAlive))
        {
            Threads[thread.OSThreadId] = thread;
        }
    }

    public Dictionary<uint, ClrThread> Threads { get; } = [];

    public IEnumerable<string> Problems => _failed == 0 ? [] : [$"{_failed} stacks could not be read to their end: their threads were running"];

    public static bool IsScheduler(ClrModule? module) => Path.GetFileName(module?.Name) == "ILPreempt.Runtime.dll";

    public List<FrameSnapshot> Frames(ClrThread thread)
    {
        List<FrameSnapshot> frames = [];
        try
        {
            bool innermost = true;
            foreach (ClrStackFrame frame in thread.EnumerateStackTrace(includeContext: false).Take(MaxFrames))
            {
                Add(frames, frame.Method, frame.InstructionPointer, innermost);
                innermost = false;
            }

            if (frames.Count == 0)
            {
                WalkFramePointers(thread.OSThreadId, frames);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException and not IOException and not System.Net.Sockets.SocketException)
        {
            _failed++;
        }

        return frames;
    }

    // The debugging library gives up on a thread that was in a helper of the runtime (allocating, say). Jitted code and the
    // runtime both keep a chain of frame pointers; whatever in it is no managed code is passed over.
    private void WalkFramePointers(uint thread, List<FrameSnapshot> frames)
    {
        if (!_memory.TryGetFrame(thread, out ulong instruction, out ulong frame))
        {
            return;
        }

        for (int i = 0; i < MaxFrames; i++)
        {
            Add(frames, _runtime.GetMethodByInstructionPointer(instruction), instruction, i == 0);
            if (!_memory.ReadPointer(frame + sizeof(ulong), out instruction) || !_memory.ReadPointer(frame, out ulong above) || above <= frame)
            {
                return;
            }

            frame = above;
        }
    }

    /// <summary>The code at an address; null if that is not managed, or the scheduler's.</summary>
    public FrameSnapshot? Describe(ulong instruction, bool isReturnAddress)
    {
        List<FrameSnapshot> frame = [];
        Add(frame, _runtime.GetMethodByInstructionPointer(instruction), instruction, innermost: !isReturnAddress);
        return frame.FirstOrDefault();
    }

    private void Add(List<FrameSnapshot> frames, ClrMethod? method, ulong instruction, bool innermost)
    {
        if (method?.Type is ClrType type && (_all || !IsScheduler(type.Module)))
        {
            (string File, int Line)? source = _lines.Find(method, instruction, !innermost);
            frames.Add(new FrameSnapshot(method.Signature ?? $"{type.Name}.{method.Name}", source?.File, source?.Line ?? 0));
        }
    }

    public WaitTarget? WaitsFor(ClrThread thread, IReadOnlyList<FrameSnapshot> frames, Func<uint, long> goroutineOf, SocketAddresses sockets, ref int lookups)
    {
        try
        {
            lookups++;
            return WaitTargets.Find(thread, frames, goroutineOf, sockets);
        }
        catch (Exception e) when (e is not OutOfMemoryException and not IOException and not System.Net.Sockets.SocketException)
        {
            return null;
        }
    }
}
