using System.Net.Sockets;
using ILPreempt.Diagnostics.Attach;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Diagnostics.Tests;

public class DoorTests
{
    [Fact]
    public void Status_OfALiveProcess_CountsItsGoroutines() => With(pid =>
    {
        ProcessStatus status = ProcessStatus.Ask(pid);
        Assert.Equal(("EveryState", 2, 23), (status.App, status.MaxProcs, status.Goroutines));
        Assert.Equal(23, ProcessStatus.AskGoroutines(pid).Select(g => g.Id).Distinct().Count());
        Assert.Contains(pid, DoorClient.Processes());
    });

    [Fact]
    public void Set_SeveralChanges_AllOrNone() => With(pid =>
    {
        AttachException e = Assert.Throws<AttachException>(() => DoorClient.Ask(pid, "set maxprocs=1 slice=never"));
        Assert.Contains("slice=never", e.Message, StringComparison.Ordinal);
        Assert.Equal(2, ProcessStatus.Ask(pid).MaxProcs);
        DoorClient.Ask(pid, "set maxprocs=1 slice=1ms");
        ProcessStatus after = ProcessStatus.Ask(pid);
        Assert.Equal((1, 1000, 1), (after.MaxProcs, after["slice_us"], after.Processors.Count));
    });

    [Fact]
    public void Socket_OnDisk_IsItsUsersAlone() => With(pid =>
    {
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(DoorClient.PathOf(pid)!));
        }
    });

    [Fact]
    public void Snapshot_WhileOthersAreHeld_FourAtOnceAndTheProgramGoesOn() => With(pid =>
    {
        // Counting and InsideRegex by number, not whoever runs now: that may be Main, on its way to sleep.
        (int Thread, long Before)[] computing = [.. ProcessStatus.AskGoroutines(pid).Where(g => g.Id is 2 or 3).Select(g => (g.Thread, ProcessReader.ThreadCpu(pid, g.Thread)))];
        Assert.Equal(2, computing.Length);
        List<SnapshotReader> held = [];
        for (int i = 0; i < 4; i++)
        {
            held.Add(SnapshotReader.Open(pid));
        }

        AttachException e = Assert.Throws<AttachException>(() => SnapshotReader.Open(pid));
        Assert.Contains("four snapshots", e.Message, StringComparison.Ordinal);
        held.ForEach(s => s.Dispose());
        Assert.True(
            SpinWait.SpinUntil(() => computing.All(c => ProcessReader.ThreadCpu(pid, c.Thread) > c.Before), TimeSpan.FromSeconds(20)),
            $"its goroutines run: {string.Join(", ", ProcessStatus.AskGoroutines(pid))}");
        Assert.True(SpinWait.SpinUntil(() => CanOpen(pid), TimeSpan.FromSeconds(20)), "copies that are not read any more go away");
    });

    [Theory]
    [InlineData("nonsense")]
    [InlineData("")]
    [InlineData("set")]
    public void Ask_UnknownCommand_IsRefused(string command) => With(pid =>
        Assert.Contains("no such command", Assert.Throws<AttachException>(() => DoorClient.Ask(pid, command)).Message, StringComparison.Ordinal));

    [Fact]
    public void Ask_NothingOrTooMuch_TheDoorStaysOpen() => With(pid =>
    {
        using (Socket silent = Connect(pid))
        {
            silent.Send("stat"u8);
        }

        using (Socket endless = Connect(pid))
        {
            try
            {
                endless.Send(new byte[100_000]);
            }
            catch (SocketException)
            {
                // It hung up before all of it was sent.
            }
        }

        Assert.Equal("EveryState", ProcessStatus.Ask(pid).App);
    });

    // By the command: a process that dies while it is traced stays until its tracer ends.
    [Theory]
    [InlineData("socket")]
    [InlineData("attach")]
    public void Dump_WhileTheProcessIsKilled_IsAnErrorOrPartialAndNeverHangs(string way)
    {
        for (int i = 0; i < 3; i++)
        {
            LiveProgram.Use(Repo.TestApp("EveryState"), ["--maxprocs", "2"], ["10"], pid =>
            {
                Task<ChildResult> dump = Task.Run(() => ChildProcess.Run(Repo.IlPreempt, ["dump", $"{pid}", "--via", way], new ChildOptions { Timeout = TimeSpan.FromSeconds(60) }));
                dump.Wait(i * 150); // early, and in the middle
                LiveProgram.Kill(pid);
                Assert.True(dump.Result is { ExitCode: 0, StdErr: "" } or { ExitCode: 69, StdOut: "" }, dump.Result.ToString());
                Assert.InRange(dump.Result.StdErr.Count(c => c == '\n'), 0, 1);
            });
        }
    }

    [Theory]
    [InlineData(ReadWay.Socket, "collections")]
    [InlineData(ReadWay.Attach, "collections")]
    [InlineData(ReadWay.Socket, "preemption")]
    [InlineData(ReadWay.Attach, "preemption")]
    public void Read_WhileItCollectsOrIsPreemptedAllTheTime_ShowsEachGoroutineAndItGoesOn(ReadWay way, string duress)
    {
        const int Loops = 6;
        LiveProgram.Use(Repo.TestApp("Stalls"), ["--maxprocs", "2", "--slice", "100us"], [duress], pid =>
        {
            for (int i = 0; i < 5; i++)
            {
                Task<ProcessSnapshot> reading = Task.Run(() => ProcessReader.Read(pid, way));
                Assert.True(reading.Wait(TimeSpan.FromSeconds(60)), "it hangs");
                long[] ids = [.. reading.Result.Goroutines.Select(g => g.Id)];
                Assert.Equal(ids.Distinct().Order(), ids);
                Assert.True(ids.Length == 1 + Loops, $"{ids.Length} goroutines; {string.Join("; ", reading.Result.Notes)}");
            }

            long before = ProcessStatus.Ask(pid)["preempted_by_check"] + ProcessStatus.Ask(pid)["preempted_by_signal"];
            Assert.True(
                SpinWait.SpinUntil(() => ProcessStatus.Ask(pid)["preempted_by_check"] + ProcessStatus.Ask(pid)["preempted_by_signal"] > before, TimeSpan.FromSeconds(30)),
                "its goroutines take turns");
        });
    }

    [Fact]
    public void Read_NotHostedOrNoCore_OneClearLine()
    {
        string text = Path.GetTempFileName();
        try
        {
            foreach (AttachException e in new[]
            {
                Assert.Throws<AttachException>(() => ProcessReader.ReadCore(text)),
                Assert.Throws<AttachException>(() => ProcessReader.ReadCore(text + ".not")),
                Assert.Throws<AttachException>(() => DoorClient.Ask(Environment.ProcessId, "status")),
                Assert.Throws<AttachException>(() => ProcessReader.Read(int.MaxValue, ReadWay.Socket)),
            })
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
        finally
        {
            File.Delete(text);
        }
    }

    private static bool CanOpen(int pid)
    {
        try
        {
            SnapshotReader.Open(pid).Dispose();
            return true;
        }
        catch (AttachException)
        {
            return false;
        }
    }

    private static Socket Connect(int pid)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(DoorClient.PathOf(pid)!));
        return socket;
    }

    private static void With(Action<int> use) => LiveProgram.Use(Repo.TestApp("EveryState"), ["--maxprocs", "2"], ["10"], use);
}
