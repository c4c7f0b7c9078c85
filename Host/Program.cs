using System.CommandLine;
using System.Runtime.CompilerServices;
using ILPreempt.Host.Commands;
using ILPreempt.Host.Launch;

// This assembly is also started under a guest's own frameworks, where the packages of the host cannot be found: see TrustedList.
return args is [TrustedList.HiddenCommand] ? TrustedList.Print() : Start(args);

[MethodImpl(MethodImplOptions.NoInlining)]
static int Start(string[] args)
{
    RootCommand root = new("Runs unmodified .NET programs on a Go-style preemptive scheduler.")
    {
        RunCommand.Create(),
        WeaveCommand.Create(),
        DumpCommand.Create(),
        PsCommand.Create(),
        TopCommand.Create(),
        SetCommand.Create(),
        CollectCommand.Create(),
        TraceCommand.Create(),
        HogsCommand.Create(),
        ApisCommand.Create(),
        CacheCommand.Create(),
        MuxerCommand.Create(),
        ExplainCommand.Create(),
    };
    return CommandLine.Invoke(root, args);
}
