using ILPreempt.Weaver.Tests;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Mono.Cecil.Rocks;

namespace ILPreempt.Stress.Cil;

/// <summary>The assembly of one seed, whole or with pieces left out.</summary>
/// <param name="Image">The assembly; <c>Sample.Run</c> gives a hash of all it computed.</param>
/// <param name="Pieces">Bodies and statements in it, outer ones before those within them.</param>
internal sealed record GeneratedProgram(byte[] Image, IReadOnlyList<ulong> Pieces)
{
    private static readonly Lazy<byte[]> s_shell = new(() =>
    {
        using StreamReader source = new(typeof(GeneratedProgram).Assembly.GetManifestResourceStream("Shell.cs")!);
        return StandIn.Compile(source.ReadToEnd()).Image;
    });

    public static GeneratedProgram Make(ulong seed, IReadOnlySet<ulong> leftOut)
    {
        using ModuleDefinition module = ModuleDefinition.ReadModule(new MemoryStream(s_shell.Value));
        Shape shape = new(module);
        Rng rng = new(seed);
        List<ulong> pieces = [];
        foreach (MethodDefinition method in shape.Bodies)
        {
            ulong name = rng.Next();
            if (leftOut.Contains(name))
            {
                continue;
            }

            pieces.Add(name);
            BodyGenerator.Write(shape, method, name, leftOut, pieces);
            switch (name % 3)
            {
                case 0:
                    method.Body.OptimizeMacros();
                    break;
                case 1:
                    // Short forms of loads and stores, long branches.
                    method.Body.OptimizeMacros();
                    Lengthen(method.Body);
                    break;
                default:
                    break;
            }
        }

        using MemoryStream image = new();
        module.Write(image);
        return new GeneratedProgram(image.ToArray(), pieces);
    }

    private static void Lengthen(MethodBody body)
    {
        foreach (Instruction instruction in body.Instructions)
        {
            if (instruction.OpCode.OperandType == OperandType.ShortInlineBrTarget)
            {
                string name = instruction.OpCode.Code.ToString();
                instruction.OpCode = (OpCode)typeof(OpCodes).GetField(name[..^2])!.GetValue(null)!;
            }
        }
    }
}
