namespace ILPreempt.Diagnostics.Views;

/// <summary>Goroutines with the same stack and state in one block, the largest group first: the form of parallel stacks.</summary>
public static class GroupText
{
    private const int MaxIds = 8;

    /// <summary>Writes <paramref name="process"/> to <paramref name="writer"/>.</summary>
    public static void Write(ProcessSnapshot process, TextWriter writer)
    {
        var groups = process.Goroutines
            .GroupBy(g => (State: g.WaitReason.Length > 0 ? g.WaitReason : g.State.ToLowerInvariant(), Stack: string.Join('\n', g.Frames.Select(f => $"{f.Method}|{f.Line}"))))
            .OrderByDescending(g => g.Count()).ThenBy(g => g.First().Id).ToList();
        foreach (var group in groups)
        {
            string ids = string.Join(", ", group.Take(MaxIds).Select(g => g.Id)) + (group.Count() > MaxIds ? ", ..." : "");
            writer.WriteLine($"~~~~ {group.Count()} goroutines [{group.Key.State}]: {ids}");
            GoText.WriteFrames(group.First().Frames, writer, "    ");
            writer.WriteLine();
        }

        writer.WriteLine($"==> {groups.Count} groups");
        GoText.WriteFooter(process, writer);
    }
}
