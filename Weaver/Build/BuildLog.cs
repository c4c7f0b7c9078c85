using ILPreempt.Weaver;

namespace ILPreempt.Build;

/// <summary>
/// Lines in the form that MSBuild reads as errors and warnings, <c>file(line,column): warning CODE: text</c>. Everything else is an
/// ordinary line of low importance. NoWarn, TreatWarningsAsErrors and their kin are applied here: MSBuild would apply some of them later,
/// when the weaver has already said that all is well, and the next build would find nothing to do.
/// </summary>
internal sealed class BuildLog(TextWriter output, WeaveRequest request)
{
    // What a user can do something about, or has to know. The rest tells what the weaver does by design.
    private static readonly HashSet<string> s_warnings = new(StringComparer.Ordinal)
    {
        "ILP0001", "ILP0002", "ILP0003", "ILP0008", "ILP0010", "ILP0011", "ILP0012", "ILP0021", "ILP0022", "ILP0023",
    };

    /// <summary>Whether an error was written.</summary>
    public bool HasErrors { get; private set; }

    /// <summary>Writes an error: the build fails.</summary>
    public void Error(string code, string text)
    {
        HasErrors = true;
        output.WriteLine(Line(request.Project, "error", code, text));
    }

    /// <summary>Writes a warning about the project as a whole.</summary>
    public void Warning(string code, string text) => Warning(request.Project, code, text);

    /// <summary>Writes a note of the weaver, as a warning with its place if it is one for the project's own code.</summary>
    public void Note(WeaveNote note, string assembly, bool isOwn)
    {
        string text = note.Method is null ? $"{assembly}: {note.Text}" : $"{note.Text} {note.Method}";
        if (isOwn && s_warnings.Contains(note.Code))
        {
            Warning(note.File is null ? request.Project : $"{note.File}({note.Line},{note.Column})", note.Code, text);
        }
        else
        {
            output.WriteLine($"  {note.Code} {text}");
        }
    }

    /// <summary>Writes the one line that says what became of an assembly.</summary>
    public void Summary(WeaveReport report) => output.WriteLine(report.Outcome == WeaveOutcome.Woven
        ? $"ILPreempt: {report.Assembly}: {report.MethodsChanged} of {report.Methods} methods woven, "
            + $"{report.LoopChecks + report.StripMinedLoopChecks + report.PrologueChecks} checks, {report.Notes.Count} notes, {report.Milliseconds:0} ms"
        : $"ILPreempt: {report.Assembly}: left alone ({report.Code})");

    private void Warning(string origin, string code, string text)
    {
        if (request.IsSilenced(code))
        {
            return;
        }

        bool isError = request.IsError(code);
        HasErrors |= isError;
        output.WriteLine(Line(origin, isError ? "error" : "warning", code, text));
    }

    /// <summary>One line about <paramref name="origin"/> as MSBuild reads it.</summary>
    public static string Line(string origin, string category, string code, string text) =>
        $"{origin} : {category} {code}: {text.ReplaceLineEndings(" ")}";
}
