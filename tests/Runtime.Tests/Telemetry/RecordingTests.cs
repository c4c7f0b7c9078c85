using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILPreempt.Runtime.Platform;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Runtime.Telemetry;
using ILPreempt.Runtime.Tests.Support;
using Xunit;

namespace ILPreempt.Runtime.Tests.Telemetry;

/// <summary>What a recording holds after goroutines have done something known.</summary>
public sealed class RecordingTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    private readonly string _file = Path.Combine(Path.GetTempPath(), $"ilpreempt-test-{Guid.NewGuid():N}");

    public void Dispose()
    {
        Recording.Stop();
        File.Delete(_file);
    }

    [Fact]
    public void Recording_OfAGoroutine_HasItsLifeInOrder()
    {
        long id = 0;
        TraceEvent[] events = Record(() => Gos.Run(() =>
        {
            id = Goroutine.CurrentId;
            Goroutine.Yield();
            Goroutine.Sleep(TimeSpan.FromMilliseconds(1));
        }));
        TraceEvent[] life = Of(events, id);

        // A busy machine may add slices that were ended and Ps that were taken.
        (TraceKind, byte)[] want =
        [
            (TraceKind.Create, 0), (TraceKind.Start, 0), (TraceKind.Stop, (byte)StopReason.Yield), (TraceKind.Start, 0),
            (TraceKind.Block, (byte)WaitReason.Sleep), (TraceKind.Unblock, 0), (TraceKind.Start, 0), (TraceKind.End, 0),
        ];
        int found = 0;
        foreach (TraceEvent e in life)
        {
            found += found < want.Length && want[found] == (e.Kind, e.Reason) ? 1 : 0;
        }

        Assert.True(found == want.Length, Describe(life));
        Assert.All(life.Where(e => e.Kind == TraceKind.Start), e => Assert.InRange(e.P, 0, Scheduler.Procs - 1));
        Assert.Equal(TraceKind.Finish, events[^1].Kind);
    }

    [Fact]
    public void Recording_OfPreemptedGoroutines_SaysByWhatAndWhere()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        int stopped = 0;
        TraceEvent[] events = Record(() => Gos.Run(
        [
            .. Gos.Times(2, _ =>
            {
                // A signal comes first where the thread gets no CPU for longer than the grace.
                while (StopsByCheck() == 0 && Volatile.Read(ref stopped) == 0)
                {
                    Gos.Check();
                }

                // The other one is alone from here on, and nobody preempts it.
                Volatile.Write(ref stopped, 1);
            }),
        ]));
        TraceEvent[] checks = [.. events.Where(e => e.Kind == TraceKind.Stop && e.Reason == (byte)StopReason.Check)];
        Assert.NotEmpty(checks);
        if (AsyncPreempt.Enabled)
        {
            Assert.All(checks, e => Assert.NotEqual(0, e.Argument));
        }
    }

    private static unsafe long StopsByCheck() => M.Current!.CurG!.Row->PreemptedByCheck;

    [Fact]
    public void Recording_OfLoopsWithoutChecks_HasTheSignalAndTheInterruptedAddress()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        int turn = 0;
        TraceEvent[] events = Record(() => Gos.Run(Gos.Times(3, i => TakeTurns(ref turn, i))));
        TraceEvent[] signals = [.. events.Where(e => e.Kind == TraceKind.Stop && e.Reason == (byte)StopReason.Signal)];
        Assert.NotEmpty(signals);
        Assert.All(signals, e => Assert.NotEqual(0, e.Argument));
    }

    [Fact]
    public void Recording_OfBlockingCalls_TellsTheAnnouncedFromTheRetaken()
    {
        using Gos.Procs one = Gos.WithProcs(1);
        long announced = 0, silent = 0;
        int stop = 0;
        TraceEvent[] events = Record(() => Gos.Run(
            () =>
            {
                announced = Goroutine.CurrentId;
                Scheduler.EnterSyscallBlock();
                Scheduler.ExitSyscall();
            },
            () =>
            {
                silent = Goroutine.CurrentId;
                Thread.Sleep(30);
                Gos.Check();
                Volatile.Write(ref stop, 1);
            },
            () =>
            {
                while (Volatile.Read(ref stop) == 0)
                {
                    Gos.Check();
                }
            }));
        Assert.Contains(Of(events, announced), e => e is { Kind: TraceKind.SyscallEnter, Argument: 0 });
        Assert.Contains(Of(events, announced), e => e.Kind is TraceKind.SyscallExit or TraceKind.SyscallWait);
        Assert.Contains(Of(events, silent), e => e is { Kind: TraceKind.SyscallEnter, Argument: 1 });
        Assert.Contains(events, e => e.Kind == TraceKind.Retake);
        Assert.Contains(events, e => e.Kind == TraceKind.Handoff);
    }

    [Fact]
    public void Recording_OfManyGoroutines_IsALegalHistoryOfEach()
    {
        using Gos.Procs two = Gos.WithProcs(2);
        Chan<int> chan = new();
        TraceEvent[] events = Record(() => Gos.Run(Gos.Times(40, i =>
        {
            for (int n = 0; n < 50; n++)
            {
                switch ((i + n) % 4)
                {
                    case 0:
                        Goroutine.Yield();
                        break;
                    case 1:
                        Goroutine.Sleep(TimeSpan.FromMicroseconds(50));
                        break;
                    case 2:
                        Scheduler.EnterSyscall();
                        Scheduler.ExitSyscall();
                        break;
                    default:
                        if (i % 2 == 0)
                        {
                            chan.TryReceive(out _);
                        }
                        else
                        {
                            Gos.Check();
                        }

                        break;
                }
            }
        })));
        Assert.Equal(0, events.Where(e => e.Kind == TraceKind.Lost).Sum(e => e.Argument));
        TraceEvent[][] lives = [.. events.Where(e => e.G != 0 && States(e.Kind) != default).GroupBy(e => e.G).Select(g => g.OrderBy(e => e.Time).ToArray())];
        Assert.True(
            lives.Count(life => life[0].Kind == TraceKind.Create && life[^1].Kind == TraceKind.End) >= 40,
            $"{lives.Length} goroutines, one of them: {Describe(lives.FirstOrDefault(life => life[^1].Kind != TraceKind.End || life[0].Kind != TraceKind.Create, []))}");
        foreach (TraceEvent[] life in lives)
        {
            for (int i = 1; i < life.Length; i++)
            {
                Assert.True(States(life[i].Kind).From.Contains(States(life[i - 1].Kind).To), Describe(life));
            }
        }
    }

    [Fact]
    public void Collection_WhileRecording_IsAPause()
    {
        // Again and again: who hears of collections stays the same, and hears the generation each time.
        Goroutine.MaxProcs();
        for (int i = 0; i < 5; i++)
        {
            Assert.StartsWith("recording", Recording.Start(_file), StringComparison.Ordinal);

            // CoreCLR tells of it when it likes, in the order of the events: a flood of collections would only be in its way.
            Stopwatch last = new();
            int collections = 0;
            bool told = SpinWait.SpinUntil(
                () =>
                {
                    if (!last.IsRunning || last.ElapsedMilliseconds > 200)
                    {
                        GC.Collect(1);
                        collections++;
                        last.Restart();
                    }

                    return Read(_file).Any(e => e is { Kind: TraceKind.GcPause, Reason: 1, Argument: > 0 });
                },
                s_limit);
            Assert.True(told, $"recording {i}: no pause in {Read(_file).Length} events after {collections} collections, {string.Join(' ', Read(_file).GroupBy(e => (e.Kind, e.Reason)).Select(g => $"{g.Key} {g.Count()}"))}");
            Recording.Stop();
        }
    }

    [Fact]
    public void Recording_Ended_LeavesNothingOn()
    {
        Record(() => Gos.Run(() => { }));
        Assert.True(SpinWait.SpinUntil(() => (Volatile.Read(ref Tracing.Flags) & Tracing.Events) == 0, s_limit));
    }

    [Fact]
    public void Recording_WithADuration_EndsByItself()
    {
        Goroutine.MaxProcs();
        Recording.Start(_file, 20_000_000);
        Assert.True(SpinWait.SpinUntil(() => Read(_file) is [.., { Kind: TraceKind.Finish }], s_limit));
    }

    [Fact]
    public void Start_Twice_RefusesTheSecond()
    {
        Goroutine.MaxProcs();
        Assert.StartsWith("recording", Recording.Start(_file), StringComparison.Ordinal);
        Assert.StartsWith("error: ", Recording.Start(_file + "2"), StringComparison.Ordinal);
        Assert.EndsWith(" 0 lost", Recording.Stop(), StringComparison.Ordinal);
    }

    [Fact]
    public void Start_WhereNoFileCanBe_AnswersInOneLine()
    {
        string answer = Recording.Start("/no/such/folder/file");
        Assert.StartsWith("error: /no/such/folder/file cannot be written: ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', answer);
    }

    private TraceEvent[] Record(Action action)
    {
        // The scheduler must have started: its Ps decide about the rings.
        Goroutine.MaxProcs();
        int sleepers = AllGs.Count;
        Assert.StartsWith("recording", Recording.Start(_file), StringComparison.Ordinal);
        action();

        // The goroutines have said that they are done, and may still be ending. Another test may have left one that sleeps for long.
        Assert.True(SpinWait.SpinUntil(() => AllGs.Count <= sleepers, s_limit), SchedTrace.Detail());
        Assert.DoesNotContain("error", Recording.Stop(), StringComparison.Ordinal);
        return Read(_file);
    }

    private static unsafe TraceEvent[] Read(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        TraceHeader header = MemoryMarshal.Read<TraceHeader>(bytes);
        Assert.Equal((TraceHeader.MagicNumber, Environment.ProcessId), (header.Magic, header.ProcessId));
        ReadOnlySpan<byte> rest = bytes.AsSpan(sizeof(TraceHeader) + header.NameLength);
        return MemoryMarshal.Cast<byte, TraceEvent>(rest[..(rest.Length / sizeof(TraceEvent) * sizeof(TraceEvent))]).ToArray();
    }

    private static TraceEvent[] Of(TraceEvent[] events, long goroutine) => [.. events.Where(e => e.G == goroutine && States(e.Kind) != default).OrderBy(e => e.Time)];

    private static string Describe(TraceEvent[] life) => string.Join(' ', life.Select(e => $"{e.Time}:{e.Kind}({e.Reason},{e.P})"));

    /// <summary>The states an event may come from, and the one it leads to: q queue, r running, w waiting, s syscall.</summary>
    private static (string From, string To) States(TraceKind kind) => kind switch
    {
        TraceKind.Create => ("-", "q"),
        TraceKind.Adopt => ("-", "s"),
        TraceKind.Start => ("q", "r"),
        TraceKind.Stop => ("r", "q"),
        TraceKind.Block => ("r", "w"),
        TraceKind.Unblock => ("w", "q"),
        TraceKind.SyscallEnter => ("r", "s"),
        TraceKind.SyscallExit => ("s", "r"),
        TraceKind.SyscallWait => ("s", "q"),
        TraceKind.End => ("rs", "."),
        _ => default,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void TakeTurns(ref int turn, int me)
    {
        while (Volatile.Read(ref turn) < 6)
        {
            if (Volatile.Read(ref turn) % 3 == me)
            {
                Interlocked.Increment(ref turn);
            }
        }
    }
}
