using ILPreempt.Runtime;
using ILPreempt.Weaver;

namespace ILPreempt.Stress.Cil;

/// <summary>
/// The child process of the IL fuzzer: judges a range of seeds and says on standard output which one it is at, so that one that crashes or
/// hangs it is known. Then it runs those that passed again under the real scheduler, several at once.
/// </summary>
internal static class CilWorker
{
    private const int AtOnce = 4;

    /// <summary>Arguments: first seed, number of seeds, pieces to leave out.</summary>
    public static int Run(ReadOnlySpan<string> args)
    {
        ulong first = ulong.Parse(args[0]);
        ulong count = ulong.Parse(args[1]);
        HashSet<ulong> leftOut = [.. args[2..].ToArray().Select(ulong.Parse)];
        List<(ulong Seed, byte[] Image, string Expected)> passed = [];
        for (ulong seed = first; seed < first + count; seed++)
        {
            Say($"seed {seed}");
            string? difference;
            int checks = 0;
            try
            {
                GeneratedProgram program = GeneratedProgram.Make(seed, leftOut);
                difference = Oracle.Judge(program.Image, seed, Say, out string expected, out checks);
                passed.Add((seed, program.Image, expected));
            }
            catch (Exception e)
            {
                difference = e.ToString().ReplaceLineEndings(" | ");
            }

            Say(difference is null ? $"ok {checks}" : $"FAIL {difference}");
            if (difference is not null && passed.Count > 0 && passed[^1].Seed == seed)
            {
                passed.RemoveAt(passed.Count - 1);
            }
        }

        foreach ((ulong Seed, byte[] Image, string Expected)[] group in passed.Chunk(AtOnce))
        {
            Say($"real {group[0].Seed}");
            Real(group);
        }

        Say("done");
        return 0;
    }

    private static void Real((ulong Seed, byte[] Image, string Expected)[] group)
    {
        using CountdownEvent left = new(group.Length);
        foreach ((ulong seed, byte[] image, string expected) in group)
        {
            Goroutine.Start(() =>
            {
                string result;
                try
                {
                    result = Oracle.RunReal(image, seed % 2 == 0 ? CheckPlacement.LoopsAndCycles : CheckPlacement.All);
                }
                catch (Exception e)
                {
                    result = e.ToString().ReplaceLineEndings(" | ");
                }

                if (result != expected)
                {
                    Say($"seed {seed}\nFAIL under the real scheduler: {result} instead of {expected}");
                }

                left.Signal();
            });
        }

        left.Wait();
    }

    private static void Say(string line)
    {
        lock (Console.Out)
        {
            Console.Out.WriteLine(line);
            Console.Out.Flush();
        }
    }
}
