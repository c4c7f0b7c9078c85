namespace ILPreempt.Host.Launch;

/// <summary>What <c>run</c> was asked to do.</summary>
internal sealed record LaunchRequest
{
    /// <summary>The .dll, project file or project folder, as the user wrote it.</summary>
    public required string Target { get; init; }

    /// <summary>Handed on untouched.</summary>
    public required IReadOnlyList<string> GuestArguments { get; init; }

    /// <summary>As named by <c>dotnet exec --runtimeconfig</c>; null = beside the program.</summary>
    public string? RuntimeConfig { get; init; }

    /// <summary>As named by <c>dotnet exec --depsfile</c>; null = beside the program.</summary>
    public string? DepsFile { get; init; }

    /// <summary><c>app</c>, <c>all</c> or <c>none</c>.</summary>
    public string Scope { get; init; } = "app";

    /// <summary><c>loops+cycles</c> or <c>all</c>.</summary>
    public string Checks { get; init; } = "loops+cycles";

    /// <summary>Host child <c>dotnet</c> processes too.</summary>
    public bool Children { get; init; }

    /// <summary>Say on standard error what happens.</summary>
    public bool Verbose { get; init; }
}
