using System.Text;
using ILPreempt.Weaver;
using ILPreempt.Weaver.Tests;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace ILPreempt.Stress.Cil;

/// <summary>Leaves out bodies, then statements, as long as the failure stays.</summary>
internal static class Minimiser
{
    /// <summary>The pieces that can go; halves first, then single ones.</summary>
    public static HashSet<ulong> Run(ulong seed, Action<string> log)
    {
        HashSet<ulong> leftOut = [];
        for (bool again = true; again;)
        {
            again = false;
            List<ulong> pieces = [.. GeneratedProgram.Make(seed, leftOut).Pieces];
            for (int size = pieces.Count / 2; size > 0; size /= 2)
            {
                for (int at = 0; at < pieces.Count; at += size)
                {
                    HashSet<ulong> candidate = [.. leftOut, .. pieces.Skip(at).Take(size)];
                    if (candidate.Count > leftOut.Count && CilFuzzer.Try(seed, candidate) is { } text && !text.StartsWith("generator:", StringComparison.Ordinal))
                    {
                        leftOut = candidate;
                        again = true;
                        HashSet<ulong> left = [.. GeneratedProgram.Make(seed, leftOut).Pieces];
                        pieces.RemoveAll(p => !left.Contains(p));
                        log($"{pieces.Count} pieces left");
                        at -= size;
                    }
                }
            }
        }

        return leftOut;
    }

    /// <summary>What is left, as text: the bodies before and after weaving.</summary>
    public static string Show(ulong seed, IReadOnlySet<ulong> leftOut, CheckPlacement placement)
    {
        GeneratedProgram program = GeneratedProgram.Make(seed, leftOut);
        StringBuilder text = new();
        foreach ((string name, byte[] image) in new[] { ("original", program.Image), ($"woven, checks={placement}", StandIn.Weaver(placement).WeaveImage(program.Image, null, "Sample.dll").Image) })
        {
            using ModuleDefinition module = ModuleDefinition.ReadModule(new MemoryStream(image));
            foreach (MethodDefinition method in new Shape(module).Bodies.Where(m => m.Body.Instructions.Count > 3))
            {
                text.AppendLine($"--- {name}: {method.FullName}");
                for (int i = 0; i < method.Body.Variables.Count; i++)
                {
                    text.Append($" V_{i} {method.Body.Variables[i].VariableType.Name},");
                }

                text.AppendLine();
                foreach (Instruction instruction in method.Body.Instructions)
                {
                    text.AppendLine(instruction.ToString());
                }

                foreach (ExceptionHandler handler in method.Body.ExceptionHandlers)
                {
                    text.AppendLine($"  {handler.HandlerType} try {handler.TryStart.Offset:x4}-{handler.TryEnd.Offset:x4} handler {handler.HandlerStart.Offset:x4}-{handler.HandlerEnd?.Offset:x4} filter {handler.FilterStart?.Offset:x4}");
                }
            }
        }

        return text.ToString();
    }
}
