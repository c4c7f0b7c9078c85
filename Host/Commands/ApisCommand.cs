using System.CommandLine;
using ILPreempt.Weaver.Rules;

namespace ILPreempt.Host.Commands;

/// <summary><c>ilpreempt apis</c>: which members of the framework woven code calls in another way, and which are left alone.</summary>
internal static class ApisCommand
{
    public static Command Create()
    {
        Command command = new("apis", "Lists the framework's members that woven code calls in another way.");
        command.SetAction(_ =>
        {
            Write(Console.Out);
            return 0;
        });
        return command;
    }

    private static void Write(TextWriter writer)
    {
        writer.WriteLine("Redirected: the call goes to a method of the runtime, which calls the original.");
        foreach (Redirect redirect in RedirectTable.Redirected)
        {
            writer.WriteLine($"  {redirect.Type}.{redirect.Member}({string.Join(", ", redirect.Parameters)})");
        }

        writer.WriteLine();
        writer.WriteLine("Blocking region: the goroutine's P goes to others before the call.");
        WriteCalls(writer, BlockingKind.Region);
        writer.WriteLine();
        writer.WriteLine("Marked: the goroutine says why it would wait; its P is taken if it does.");
        WriteCalls(writer, BlockingKind.Mark);
        writer.WriteLine();
        writer.WriteLine("Left alone: the P is taken from a thread that blocks, and the wait reason is 'syscall'.");
        foreach ((string what, string why) in BlockingTable.LeftAlone)
        {
            writer.WriteLine($"  {what}: {why}");
        }

        foreach (Redirect redirect in RedirectTable.LeftAlone)
        {
            writer.WriteLine($"  {redirect.Type}.{redirect.Member}({string.Join(", ", redirect.Parameters)}): the host resolves what it loads");
        }
    }

    private static void WriteCalls(TextWriter writer, BlockingKind kind)
    {
        foreach (IGrouping<string, BlockingCall> type in BlockingTable.All.Where(call => call.Kind == kind).GroupBy(call => call.Type))
        {
            writer.WriteLine($"  {type.Key}: {string.Join(", ", type.Select(Describe))}");
        }
    }

    private static string Describe(BlockingCall call) => call.Guard.Length == 0
        ? call.Member
        : $"{call.Member} ({(call.WaitsIf ? "if" : "unless")} {call.Guard[4..]})";
}
