namespace ILPreempt.Stress;

/// <summary>A short version of <see cref="CacheFuzzer"/>.</summary>
public sealed class CacheKillTests
{
    [Fact]
    public void Hosts_KilledWhileTheyFillTheCache_LeaveNothingBroken() =>
        Assert.True(CacheFuzzer.Run(seed: 1, TimeSpan.FromSeconds(15), atLeast: 3) >= 3);
}
