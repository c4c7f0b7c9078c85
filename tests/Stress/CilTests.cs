using ILPreempt.Stress.Cil;

namespace ILPreempt.Stress;

/// <summary>A fixed range of seeds in every run of the tests; the command takes new ones.</summary>
public sealed class CilTests
{
    [Fact]
    public void GeneratedPrograms_Woven_ComputeTheSame()
    {
        (int seeds, long checks, IReadOnlyList<CilFailure> failures) = CilFuzzer.Run(first: 1000, count: 50, processes: 2, perProcess: 25, time: null);
        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.Equal(50, seeds);
        Assert.True(checks > 10_000, $"{checks}");
    }

    [Fact]
    public void Program_OfOneSeed_IsTheSameEachTimeAndShrinksByPieces()
    {
        GeneratedProgram first = GeneratedProgram.Make(7, new HashSet<ulong>());
        GeneratedProgram again = GeneratedProgram.Make(7, new HashSet<ulong>());
        Assert.Equal(first.Pieces, again.Pieces);
        HashSet<ulong> half = [.. first.Pieces.Take(first.Pieces.Count / 2)];
        Assert.All(GeneratedProgram.Make(7, half).Pieces, p => Assert.Contains(p, first.Pieces));
    }
}
