using System.Globalization;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Diagnostics;

/// <summary>
/// What a process that ends by an error tells of its goroutines (Go: GOTRACEBACK): with an unhandled exception and with a fatal error of
/// the scheduler. Printed by the tool, from a snapshot: at that time the frames of the throw are all still there.
/// It comes before .NET's own message: CoreCLR takes away every handler of SIGABRT before it aborts, so that nothing can run
/// after the message. For the same reason nothing is printed for Environment.FailFast and a stack overflow.
/// </summary>
internal static class Traceback
{
    private const int Seconds = 30;

    private static int s_printed;

    internal static void PrepareIfSet()
    {
        if (Settings.Traceback == TracebackMode.None)
        {
            return;
        }

        if (Tool.CommandLine("explain") == null)
        {
            Libc.WriteError("ilpreempt: ILPREEMPT_TRACEBACK has no effect: only programs started by ilpreempt run have the tool that prints goroutines\n");
            return;
        }

        AppDomain.CurrentDomain.UnhandledException += static (_, e) =>
        {
            if (e.IsTerminating)
            {
                Print();
            }
        };
    }

    /// <summary>Prints the calling goroutine, and the others if they are wanted; once per process.</summary>
    internal static void Print()
    {
        if (Settings.Traceback == TracebackMode.None || Interlocked.Exchange(ref s_printed, 1) != 0)
        {
            return;
        }

        string mode = Settings.Traceback == TracebackMode.All ? "--all" : "--single";
        if (Tool.CommandLine("explain", "--thread", Libc.ThreadId().ToString(CultureInfo.InvariantCulture), mode) is string[] line)
        {
            Tool.Print(line, Seconds);
        }
    }
}
