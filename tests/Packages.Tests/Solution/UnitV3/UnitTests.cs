using ILPreempt.Runtime;
using Xunit;

public class UnitTests
{
    private static bool s_stop;

    [Fact]
    public void Loop_OnOneProcessor_IsPreempted()
    {
        using ManualResetEventSlim done = new();
        Goroutine.Start(() =>
        {
            long n = 0;
            while (!Volatile.Read(ref s_stop))
            {
                n++;
            }

            done.Set();
        });
        Goroutine.Start(() => Volatile.Write(ref s_stop, true));
        Assert.True(done.Wait(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Task_ThatComputes_BecomesAGoroutine()
    {
        long deadline = Environment.TickCount64 + 30_000;
        Assert.True(Task.Run(() =>
        {
            while (Goroutine.CurrentId == 0 && Environment.TickCount64 < deadline)
            {
            }

            return Goroutine.CurrentId != 0;
        }).Result);
    }
}
