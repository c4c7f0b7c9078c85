using System.CommandLine;
using ILPreempt.Host.Launch;

namespace ILPreempt.Host.Commands;

/// <summary>
/// What all commands share: a user's mistake is one line on standard error and an exit code from 64 up;
/// anything else that goes wrong is a bug here and is printed in full.
/// </summary>
internal static class CommandLine
{
    /// <summary>Parses and runs. Writers are those of the configuration, the console's unless a test gives others.</summary>
    public static int Invoke(RootCommand root, string[] args, InvocationConfiguration? configuration = null)
    {
        configuration ??= new InvocationConfiguration();
        configuration.EnableDefaultExceptionHandler = false;

        // The guest owns Ctrl-C and SIGTERM, and the launcher has nothing to clean up.
        configuration.ProcessTerminationTimeout = null;
        (string[] own, string[] guest) = GuestArguments.Split(args);
        try
        {
            ParseResult parsed = root.Parse(own);
            if (parsed.Errors.Count > 0)
            {
                throw new UserException(ExitCode.Usage, parsed.Errors[0].Message + " See `ilpreempt --help`.");
            }

            GuestArguments.Current = guest;
            return parsed.Invoke(configuration);
        }
        catch (UserException mistake)
        {
            configuration.Error.WriteLine("ilpreempt: " + mistake.Message);
            return (int)mistake.Code;
        }
    }
}
