using System.Text.Json;
using System.Text.Json.Nodes;

namespace ILPreempt.Host.Launch;

/// <summary>
/// The copy of the guest's runtimeconfig.json that the mirror holds. The host rides in as a startup hook named by a property
/// of this copy: no environment variable, so nothing leaks into child processes, and no frame in front of the guest's Main.
/// </summary>
internal static class RuntimeConfig
{
    /// <summary>The property by which the hook in the guest learns its mapping; see Runtime/Entry/Launch.cs.</summary>
    public const string LaunchProperty = "ILPreempt.Launch";

    /// <summary>
    /// How many threads the pool may bring at once for workers that block, in processors. With .NET's 1 a worker that blocks
    /// is replaced after 25 ms and more; 512 brings every one at once, which the scheduler then time-slices.
    /// </summary>
    private const string PoolProperty = "System.Threading.ThreadPool.Blocking.ThreadsToAddWithoutDelay_ProcCountFactor";
    private const int PoolFactor = 512;

    private const string HooksProperty = "STARTUP_HOOKS";
    private const string HooksSwitch = "System.StartupHookProvider.IsSupported";

    private static readonly JsonDocumentOptions s_lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Whether the file names a shared framework; a self-contained program's does not.</summary>
    public static bool NamesFramework(string file)
    {
        JsonObject options = Options(Read(file), file);
        return options["framework"] is not null || options["frameworks"] is JsonArray { Count: > 0 };
    }

    /// <summary>Writes the copy. Returns whether the guest had switched startup hooks off.</summary>
    public static bool WriteCopy(string original, string copy, Func<string, bool, string> launchText)
    {
        JsonObject root = Read(original);
        JsonObject options = Options(root, original);
        if (options["configProperties"] is not JsonObject properties)
        {
            properties = [];
            options["configProperties"] = properties;
        }

        // A program that switched hooks off gets ours switched on, and in the guest the hook puts the switch back.
        bool hooksOff = properties[HooksSwitch]?.ToString() is { } text && text.Equals("false", StringComparison.OrdinalIgnoreCase);
        string own = properties[HooksProperty]?.ToString() ?? "";
        properties[HooksSwitch] = hooksOff ? true : properties[HooksSwitch]?.DeepClone();
        if (properties[HooksSwitch] is null)
        {
            properties.Remove(HooksSwitch);
        }

        properties[HooksProperty] = own.Length == 0 || hooksOff ? "ILPreempt.Runtime" : "ILPreempt.Runtime:" + own;
        properties[LaunchProperty] = launchText(own, hooksOff);
        properties[PoolProperty] ??= PoolFactor;
        File.WriteAllText(copy, root.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
        return hooksOff;
    }

    /// <summary>What --verbose says of the settings that the copy adds.</summary>
    public static string DescribePool(string original) => Options(Read(original), original)["configProperties"]?[PoolProperty] is { } own
        ? $"{PoolProperty}={own} is the program's own"
        : $"{PoolProperty}={PoolFactor} is set for the program";

    private static JsonObject Read(string file)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(file), documentOptions: s_lenient) as JsonObject ?? [];
        }
        catch (JsonException e)
        {
            throw new UserException(ExitCode.Data, $"{file}: is not valid JSON ({e.Message}); build the program again.");
        }
    }

    private static JsonObject Options(JsonObject root, string file) => root["runtimeOptions"] as JsonObject
        ?? throw new UserException(ExitCode.Data, $"{file}: has no runtimeOptions; build the program again.");
}
