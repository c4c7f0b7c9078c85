using System.Text.Json.Serialization;

namespace ILPreempt.Weaver;

/// <summary>What became of an assembly.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<WeaveOutcome>))]
public enum WeaveOutcome
{
    /// <summary>A woven image was written.</summary>
    Woven,

    /// <summary>Nothing was written; <see cref="WeaveReport.Code"/> says why. The original is to be used.</summary>
    LeftAlone,
}

/// <summary>Something a user may want to know about one method or the whole assembly.</summary>
/// <param name="Code">A stable code, listed in docs/weaving.md.</param>
/// <param name="Text">One sentence.</param>
/// <param name="Method">The method's full name, where it is about one.</param>
public sealed record WeaveNote(string Code, string Text, string? Method = null)
{
    /// <summary>The source file of the method's first line, where symbols tell it.</summary>
    public string? File { get; init; }

    /// <summary>That line; 0 if it is not known.</summary>
    public int Line { get; init; }

    /// <summary>Its column; 0 if it is not known.</summary>
    public int Column { get; init; }
}

/// <summary>The result of weaving one assembly. Serialises to JSON as it stands.</summary>
public sealed record WeaveReport
{
    /// <summary>Simple name of the assembly.</summary>
    public required string Assembly { get; init; }

    /// <summary>Woven, or left alone.</summary>
    public required WeaveOutcome Outcome { get; init; }

    /// <summary>The reason an assembly was left alone (ILPxxxx); null when it was woven.</summary>
    public string? Code { get; init; }

    /// <summary>Methods that have a body.</summary>
    public int Methods { get; init; }

    /// <summary>Methods whose body was changed.</summary>
    public int MethodsChanged { get; init; }

    /// <summary>Checks at the start of methods.</summary>
    public int PrologueChecks { get; init; }

    /// <summary>Checks in loops that read the poll word in every round.</summary>
    public int LoopChecks { get; init; }

    /// <summary>Checks in loops that read the poll word in one round of many.</summary>
    public int StripMinedLoopChecks { get; init; }

    /// <summary>Call sites (and method groups) that now go to the runtime.</summary>
    public int Redirects { get; init; }

    /// <summary>Class constructors, filters and unmanaged entry points in which nothing may be stopped.</summary>
    public int NoPreemptRegions { get; init; }

    /// <summary>What was left alone and why, in the order of methods.</summary>
    public IReadOnlyList<WeaveNote> Notes { get; init; } = [];

    /// <summary>Wall time in milliseconds.</summary>
    public double Milliseconds { get; init; }

    /// <summary>File name (no folder) of the symbols written beside the output; null when there are none.</summary>
    public string? SymbolFile { get; init; }
}

/// <summary>A woven image in memory.</summary>
/// <param name="Image">The woven image, or the one given when it was left alone.</param>
/// <param name="Symbols">The portable pdb that belongs to <paramref name="Image"/>, if any.</param>
/// <param name="Report">What was done.</param>
public sealed record WovenImage(byte[] Image, byte[]? Symbols, WeaveReport Report);

/// <summary>A user's mistake: <see cref="Exception.Message"/> is the one line to print.</summary>
public sealed class WeaveException : Exception
{
    /// <summary>Makes the exception with its line.</summary>
    public WeaveException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception with its line and the cause.</summary>
    public WeaveException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
