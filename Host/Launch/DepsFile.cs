using System.Text.Json;
using System.Text.Json.Nodes;

namespace ILPreempt.Host.Launch;

/// <summary>
/// The copy of the guest's deps.json that the mirror holds: the same file plus an entry for ILPreempt.Runtime, and with
/// <c>--weave all</c> one that makes the woven framework assemblies win over the originals. Taking entries out, so that
/// woven files would be resolved by hand, was tried and breaks real programs: hostpolicy's choice between an app's and a
/// framework's copy of an assembly needs them.
/// </summary>
internal static class DepsFile
{
    /// <summary>Writes the patched copy.</summary>
    /// <param name="original">The guest's deps.json.</param>
    /// <param name="copy">The file to write.</param>
    /// <param name="frameworkFiles">File names of woven framework assemblies that lie in the mirror's root.</param>
    public static void WriteCopy(string original, string copy, IReadOnlyList<string> frameworkFiles)
    {
        JsonObject root;
        try
        {
            root = JsonNode.Parse(
                File.ReadAllText(original),
                documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }) as JsonObject ?? [];
        }
        catch (JsonException e)
        {
            throw new UserException(ExitCode.Data, $"{original}: is not valid JSON ({e.Message}); build the program again.");
        }

        string? name = root["runtimeTarget"]?["name"]?.ToString();
        if (name is null || root["targets"]?[name] is not JsonObject target)
        {
            throw new UserException(ExitCode.Data, $"{original}: names no runtime target; build the program again.");
        }

        if (root["libraries"] is not JsonObject libraries)
        {
            libraries = [];
            root["libraries"] = libraries;
        }

        Add(target, libraries, "ILPreempt.Runtime/0.1.0", new JsonObject { ["ILPreempt.Runtime.dll"] = new JsonObject() });
        if (frameworkFiles.Count > 0)
        {
            JsonObject files = [];
            foreach (string file in frameworkFiles)
            {
                // Between two copies of an assembly hostpolicy takes the higher version.
                files[file] = new JsonObject { ["assemblyVersion"] = "65535.0.0.0", ["fileVersion"] = "65535.0.0.0" };
            }

            Add(target, libraries, "ILPreempt.WovenFramework/0.1.0", files);
        }

        File.WriteAllText(copy, root.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    private static void Add(JsonObject target, JsonObject libraries, string library, JsonObject runtimeFiles)
    {
        target[library] = new JsonObject { ["runtime"] = runtimeFiles };
        libraries[library] = new JsonObject { ["type"] = "project", ["serviceable"] = false, ["sha512"] = "" };
    }
}
