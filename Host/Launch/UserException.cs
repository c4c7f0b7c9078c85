namespace ILPreempt.Host.Launch;

/// <summary>The host's own exit codes, from sysexits.h, so that they are told apart from a guest's.</summary>
internal enum ExitCode
{
    /// <summary>The command line is wrong.</summary>
    Usage = 64,

    /// <summary>A file is not what it has to be.</summary>
    Data = 65,

    /// <summary>A file is missing.</summary>
    NoInput = 66,

    /// <summary>Something needed is not there: no dotnet, a project that does not build, a framework that is not installed.</summary>
    Unavailable = 69,

    /// <summary>The system refused, for example exec.</summary>
    System = 71,

    /// <summary>The cache folder cannot be written.</summary>
    CannotCreate = 73,
}

/// <summary>A mistake of the user's that was foreseen: the message is the one line to print, with the remedy in it.</summary>
internal sealed class UserException(ExitCode code, string message) : Exception(message)
{
    public ExitCode Code { get; } = code;
}
