namespace ILPreempt.Build;

/// <summary>An assembly to weave and the file that takes the result.</summary>
internal sealed record WeaveItem(string Input, string Output);

/// <summary>
/// What build/ILPreempt.Build.targets asks for, from the response file that it writes: one <c>key=value</c> a line. The file is also an
/// input of the target, rewritten only when its text differs: so a changed property weaves again, and nothing else does.
/// </summary>
internal sealed class WeaveRequest
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    private WeaveRequest(string file) => File = file;

    /// <summary>The response file.</summary>
    public string File { get; }

    /// <summary>What messages are about that have no better place.</summary>
    public string Project => Value("project");

    /// <summary>Written when all is done; what the target compares times with.</summary>
    public string Stamp => Value("stamp");

    /// <summary>Where checks go: <c>loops+cycles</c> or <c>all</c>.</summary>
    public string Checks => Value("checks");

    /// <summary>Whether the assemblies are those that the project depends on: a failure of one is no failure of the build.</summary>
    public bool AreDependencies => Value("kind") == "dependencies";

    /// <summary>Whether a warning of this code is not to be written.</summary>
    public bool IsSilenced(string code) => Contains("noWarn", code);

    /// <summary>Whether a warning of this code fails the build, by the rules of the compilers.</summary>
    public bool IsError(string code) =>
        Contains("warningsAsErrors", code)
        || (Value("treatWarningsAsErrors").Equals("true", StringComparison.OrdinalIgnoreCase) && !Contains("warningsNotAsErrors", code));

    /// <summary>What to weave.</summary>
    public List<WeaveItem> Items { get; } = [];

    /// <summary>Where the weaver looks types up.</summary>
    public List<string> References { get; } = [];

    /// <summary>Run-time settings that the project has defaults for, as <c>ILPreempt.Name</c> and value.</summary>
    public List<(string Name, string Value)> Settings { get; } = [];

    /// <summary>Reads the file. Throws what reading a file throws, and <see cref="FormatException"/> with the line that is no item.</summary>
    public static WeaveRequest Read(string file)
    {
        WeaveRequest request = new(file);
        foreach (string line in System.IO.File.ReadLines(file).Where(line => line.Length > 0))
        {
            request.Add(line);
        }

        return request;
    }

    private void Add(string line)
    {
        string[] parts = line.Split('=', 2);
        if (parts.Length != 2)
        {
            throw new FormatException($"'{line}' is no key=value");
        }

        switch (parts[0])
        {
            case "weave":
                string[] files = parts[1].Split('\t');
                Items.Add(files.Length == 2 ? new WeaveItem(files[0], files[1]) : throw new FormatException($"'{line}' does not name two files"));
                break;
            case "reference":
                References.Add(parts[1]);
                break;
            case "setting":
                string[] setting = parts[1].Split('=', 2);
                Settings.Add((setting[0], setting[^1]));
                break;
            default:
                _values[parts[0]] = parts[1];
                break;
        }
    }

    private bool Contains(string key, string code) =>
        Value(key).Split([',', ' '], StringSplitOptions.RemoveEmptyEntries).Contains(code, StringComparer.OrdinalIgnoreCase);

    private string Value(string key) => _values.GetValueOrDefault(key, "");
}
