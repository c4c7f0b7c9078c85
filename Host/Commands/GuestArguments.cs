namespace ILPreempt.Host.Commands;

/// <summary>
/// Cuts the command line of <c>run</c> behind its target. All that follows belongs to the guest, also what looks like an
/// option of ours, so no command-line parser may see it; a parser that merely tolerates unknown tokens would still take the
/// known ones.
/// </summary>
internal static class GuestArguments
{
    /// <summary>The guest's arguments of this invocation.</summary>
    public static string[] Current { get; set; } = [];

    /// <summary>Splits <c>run [options] TARGET guest...</c> and <c>trace [options] -- guest...</c>; any other command line is left whole.</summary>
    public static (string[] Own, string[] Guest) Split(string[] args)
    {
        if (args is [MuxerCommand.Name, ..])
        {
            return (args[..1], args[1..]);
        }

        if (args is [TraceCommand.Name, ..] && Array.IndexOf(args, "--") is var dashes && dashes >= 0)
        {
            return (args[..dashes], args[(dashes + 1)..]);
        }

        if (args is not [RunCommand.Name, ..])
        {
            return (args, []);
        }

        for (int i = 1; i < args.Length; i++)
        {
            string arg = args[i];
            if (arg == "--")
            {
                // Whatever follows is the target, even if it begins with a dash.
                return (args[..Math.Min(i + 2, args.Length)], args[Math.Min(i + 2, args.Length)..]);
            }

            if (!arg.StartsWith('-'))
            {
                return (args[..(i + 1)], args[(i + 1)..]);
            }

            if (RunCommand.TakesValue(arg))
            {
                i++;
            }
        }

        return (args, []);
    }
}
