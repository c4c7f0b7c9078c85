using System.Reflection;
using System.Runtime.Loader;
using ILPreempt.Weaver;
using ILPreempt.Weaver.Rules;
using ILPreempt.Weaver.Tests;
using ILPreempt.Weaver.Verification;

namespace ILPreempt.Stress.Cil;

/// <summary>Runs a generated program as it is and woven in all ways, and says how they differ.</summary>
internal static class Oracle
{
    /// <summary>Null if all agree, else one sentence. A program whose original does not compile is the generator's fault and named so.</summary>
    /// <remarks>No-preempt regions are not looked at: one stays open when a filter throws, which the runtime heals.</remarks>
    public static string? Judge(byte[] image, ulong seed, Action<string> say, out string expected, out int checks)
    {
        say("at original");
        checks = 0;
        Assembly original = StandIn.Load(image).Assembly;
        expected = "";
        if (Refused(original) is { } refused)
        {
            return "generator: the original does not compile: " + refused;
        }

        expected = StandIn.Run(original);
        foreach (CheckPlacement placement in Enum.GetValues<CheckPlacement>())
        {
            WovenImage woven = StandIn.Weaver(placement).WeaveImage(image, null, "Sample.dll");
            if (woven.Report.Notes.FirstOrDefault(n => n.Code is "ILP0022" or "ILP0023" or "ILP0008") is { } note)
            {
                return $"checks={placement}: {note.Code} {note.Method}: {note.Text}";
            }

            byte[] random = StandIn.WithRandomPoll(woven.Image);
            for (int way = 0; way < 3; way++)
            {
                (Assembly assembly, Assembly runtime) = StandIn.Load(way < 2 ? woven.Image : random);
                Type guard = runtime.GetType("ILPreempt.Runtime.StackGuard")!;
                guard.GetField("Poll")!.SetValue(null, way == 0 ? 0 : 1);
                guard.GetField("Seed")!.SetValue(null, (uint)(seed + ((ulong)way * 7919)));
                string mode = $"checks={placement}, poll {(way switch { 0 => "down", 1 => "up", _ => "random" })}";
                say("at " + mode);
                if (way != 1 && Refused(assembly) is { } line)
                {
                    return $"{mode}: does not compile: {line}";
                }

                string result = StandIn.Run(assembly);
                if (result != expected)
                {
                    return $"{mode}: {result} instead of {expected}";
                }

                checks += StandIn.Field<int>(runtime, "StackGuard", "Checks");
            }
        }

        return null;
    }

    /// <summary>The woven program against the real runtime, on the calling goroutine.</summary>
    public static string RunReal(byte[] image, CheckPlacement placement)
    {
        WovenImage woven = StandIn.Weaver(placement).WeaveImage(image, null, "Sample.dll");
        AssemblyLoadContext context = new("real", isCollectible: true);
        return StandIn.Run(context.LoadFromStream(new MemoryStream(woven.Image)));
    }

    private static string? Refused(Assembly assembly)
    {
        StringWriter failures = new();
        JitSweep.Compile(assembly, failures);
        return failures.ToString() is { Length: > 0 } text ? text.Split('\n')[0] : null;
    }
}
