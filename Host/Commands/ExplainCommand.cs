using System.CommandLine;
using System.Globalization;
using ILPreempt.Diagnostics;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.Diagnostics.Views;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt explain PID</c>: what a hosted process asks the tool about itself (Runtime/Diagnostics/Tool.cs). Not for users.</summary>
internal static class ExplainCommand
{
    private const int MaxFrames = 6;

    public static Command Create()
    {
        Argument<int> process = new("PID");
        Option<string?> addresses = new("--addresses") { Description = "Names code addresses, innermost first, in one line." };
        Option<bool> locks = new("--locks") { Description = "A line for each goroutine that waits for a lock whose owner has lost its turn." };
        Option<int> thread = new("--thread") { Description = "Prints the goroutine of that thread, in which the process ends." };
        Option<bool> all = new("--all") { Description = "With --thread: the others too." };
        Option<bool> single = new("--single") { Description = "With --thread: no others." };
        Command command = new("explain") { process, addresses, locks, thread, all, single };
        command.Hidden = true;
        command.SetAction(parsed => Run(() =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            int pid = parsed.GetValue(process);
            if (parsed.GetValue(addresses) is string list)
            {
                output.WriteLine(Names(pid, list));
            }
            else if (parsed.GetValue(locks))
            {
                WriteLocks(ProcessReader.Read(pid), output);
            }
            else
            {
                Traceback.Write(ProcessReader.Read(pid), (uint)parsed.GetValue(thread), parsed.GetValue(all), output);
            }
        }));
        return command;
    }

    private static int Run(Action action)
    {
        try
        {
            action();
            return 0;
        }
        catch (AttachException e)
        {
            throw new UserException(ExitCode.Unavailable, e.Message);
        }
    }

    private static string Names(int process, string list)
    {
        ulong[] addresses = [.. list.Split(',').Select(a => ulong.Parse(a, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];

        // A method that the JIT replaced in the middle of its loop has two frames.
        List<FrameSnapshot> frames = [];
        foreach (FrameSnapshot frame in ProcessReader.Describe(process, addresses, isReturnAddress: i => i > 0).OfType<FrameSnapshot>())
        {
            if (frames.Count == 0 || frames[^1].Method != frame.Method || frame.File != null)
            {
                frames.Add(frame);
            }
        }

        return OneLine(frames);
    }

    private static void WriteLocks(ProcessSnapshot process, TextWriter output)
    {
        Dictionary<long, GoroutineSnapshot> runnable = process.Goroutines.Where(g => g.State == "Runnable").ToDictionary(g => g.Id);
        foreach (GoroutineSnapshot g in process.Goroutines)
        {
            if (g.WaitsFor is WaitTarget { Kind: "lock" } w && runnable.TryGetValue(w.OwnerGoroutine, out GoroutineSnapshot? owner))
            {
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{g.Id} goroutine {g.Id} has waited {g.Waits.TotalMilliseconds:F0} ms for {w.Type} 0x{w.Address:x}, held by goroutine {owner.Id}, which was preempted: {OneLine(g.Frames)}; held in {OneLine(owner.Frames)}"));
            }
        }
    }

    private static string OneLine(IEnumerable<FrameSnapshot> frames) => string.Join(
        " < ", frames.Take(MaxFrames).Select(f => f.File == null ? f.Method : $"{f.Method} ({Path.GetFileName(f.File)}:{f.Line})"));
}
