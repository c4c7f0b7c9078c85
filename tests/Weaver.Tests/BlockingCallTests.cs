using ILPreempt.Weaver.Passes;
using ILPreempt.Weaver.Rules;

namespace ILPreempt.Weaver.Tests;

/// <summary>Programs that block, run as they are and woven against a stand-in of the runtime that logs what it is told.</summary>
public sealed class BlockingCallTests
{
    [Theory]
    [InlineData("static call", "System.Threading.Thread.Sleep(1); return 1;", "enter Sleep;exit;")]
    [InlineData("overload", "System.Threading.Thread.Sleep(System.TimeSpan.Zero); return 1;", "enter Sleep;exit;")]
    [InlineData("completed task", "System.Threading.Tasks.Task.CompletedTask.Wait(); return 1;", "enter TaskWait unless 1;exit;")]
    [InlineData("task with timeout", "return System.Threading.Tasks.Task.CompletedTask.Wait(5) ? 1 : 0;", "enter TaskWait;exit;")]
    [InlineData("result of a generic task", "return System.Threading.Tasks.Task.FromResult(7).Result;", "enter TaskWait unless 1;exit;")]
    [InlineData("type parameter", "return G(System.Threading.Tasks.Task.FromResult(7)); static T G<T>(System.Threading.Tasks.Task<T> t) => t.Result;", "enter TaskWait unless 1;exit;")]
    [InlineData("awaiter", "System.Threading.Tasks.Task.CompletedTask.GetAwaiter().GetResult(); return 1;", "enter TaskWait unless 1;exit;")]
    [InlineData("generic awaiter", "return System.Threading.Tasks.Task.FromResult(7).GetAwaiter().GetResult();", "enter TaskWait unless 1;exit;")]
    [InlineData("configured awaiter", "return System.Threading.Tasks.Task.FromResult(7).ConfigureAwait(false).GetAwaiter().GetResult();", "enter TaskWait unless 1;exit;")]
    [InlineData("value task", "return new System.Threading.Tasks.ValueTask<int>(7).GetAwaiter().GetResult();", "enter TaskWait unless 1;exit;")]
    [InlineData("semaphore", "using System.Threading.SemaphoreSlim s = new(2); s.Wait(); return s.CurrentCount;", "enter SemAcquire unless 2;exit;")]
    [InlineData("lock", "object o = new(); lock (o) { return 1; }", "")]
    [InlineData("Lock", "System.Threading.Lock o = new(); lock (o) { return 1; }", "")]
    [InlineData("spin", "System.Threading.SpinWait s = default; s.SpinOnce(); s.SpinOnce(-1); return s.Count;", "enter Preempted if 0;exit;")]
    [InlineData("blocking collection", "using System.Collections.Concurrent.BlockingCollection<string> c = new() { \"abc\" }; return c.Take().Length;", "mark ChanSend;unmark;enter ChanReceive unless 1;exit;")]
    [InlineData("exception", "try { System.Threading.Tasks.Task.FromException(new System.ArithmeticException()).Wait(); return 0; } catch (System.AggregateException e) { return e.InnerExceptions.Count; }", "enter TaskWait unless 1;")]
    [InlineData("null receiver", "System.Threading.Tasks.Task t = null; try { t.Wait(); return 0; } catch (System.NullReferenceException) { return 1; }", "")]
    [InlineData("in an expression", "return 3 + System.Threading.Tasks.Task.FromResult(4).Result * 5;", "enter TaskWait unless 1;exit;")]
    public void Call_Woven_RunsAsOriginalAndIsAnnounced(string name, string body, string log)
    {
        Assert.NotEmpty(name);
        (string original, string result, string told) = RunBoth(body);
        Assert.Equal(original, result);
        string want = log;
        foreach (string reason in BlockingPass.Reasons)
        {
            want = want.Replace($" {reason}", $" {BlockingPass.Reasons.ToList().IndexOf(reason)}", StringComparison.Ordinal);
        }

        Assert.Equal(want, told);
    }

    [Fact]
    public void AMethodGroup_IsLeftAlone()
    {
        (_, _, string told) = RunBoth("System.Action<int> f = System.Threading.Thread.Sleep; f(0); return 1;");
        Assert.Equal("", told);
        Assert.Contains(BlockingTable.LeftAlone, entry => entry.What.StartsWith("delegates", StringComparison.Ordinal));
    }

    private static (string Original, string Result, string Told) RunBoth(string body)
    {
        (byte[] image, byte[] symbols) = StandIn.Compile(
            $"public static class Sample {{ public static string Run() => Body().ToString(); static int Body() {{ {body} }} }}");
        WovenImage woven = StandIn.Weaver().WeaveImage(image, symbols, "Sample.dll");
        (System.Reflection.Assembly assembly, System.Reflection.Assembly runtime) = StandIn.Load(woven.Image, woven.Symbols);
        return (StandIn.Run(StandIn.Load(image).Assembly), StandIn.Run(assembly), StandIn.Field<string>(runtime, "Blocking", "Log"));
    }
}
