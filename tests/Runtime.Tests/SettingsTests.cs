using Xunit;

namespace ILPreempt.Runtime.Tests;

public class SettingsTests
{
    [Theory]
    [InlineData("10ms", 10_000_000)]
    [InlineData("100us", 100_000)]
    [InlineData("1.5ms", 1_500_000)]
    [InlineData("1s", 1_000_000_000)]
    public void TryDuration_KnownUnits_Nanoseconds(string text, long want)
    {
        Assert.True(Settings.TryDuration(text, 100_000, 60_000_000_000, out long ns));
        Assert.Equal(want, ns);
    }

    [Theory]
    [InlineData("10")]
    [InlineData("ms")]
    [InlineData("99us")]
    [InlineData("-5ms")]
    [InlineData("61s")]
    [InlineData("1e9s")]
    [InlineData("99999999999999999999s")]
    public void TryDuration_OutsideOrUnreadable_Refused(string text) =>
        Assert.False(Settings.TryDuration(text, 100_000, 60_000_000_000, out _));

    [Theory]
    [InlineData("256M", 256L << 20)]
    [InlineData("1g", 1L << 30)]
    [InlineData("2048k", 2L << 20)]
    [InlineData("1048576", 1L << 20)]
    public void TrySize_KnownUnits_Bytes(string text, long want)
    {
        Assert.True(Settings.TrySize(text, 1 << 20, 1 << 30, out long bytes));
        Assert.Equal(want, bytes);
    }

    [Theory]
    [InlineData("URG", 23)]
    [InlineData("SIGURG", 23)]
    [InlineData("23", 23)]
    [InlineData("RTMIN+2", 36)]
    [InlineData("SIGRTMIN+29", 63)]
    [InlineData("40", 40)]
    public void TrySignal_OneNobodyNeeds_ItsNumber(string text, int want)
    {
        Assert.True(Settings.TrySignal(text, out int signal));
        Assert.Equal(want, signal);
    }

    [Theory]
    [InlineData("SIGTERM")]
    [InlineData("11")]
    [InlineData("34")]
    [InlineData("RTMIN")]
    [InlineData("RTMIN+1")]
    [InlineData("RTMIN+30")]
    [InlineData("64")]
    public void TrySignal_OneThatHasAnOwner_Refused(string text) => Assert.False(Settings.TrySignal(text, out _));

    [Theory]
    [InlineData("0", true, false)]
    [InlineData("1", true, true)]
    [InlineData("true", true, true)]
    [InlineData("False", true, false)]
    [InlineData("on", false, false)]
    public void TrySwitch_Text_OnOrOff(string text, bool valid, bool want)
    {
        Assert.Equal(valid, Settings.TrySwitch(text, out bool value));
        Assert.Equal(want, value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1K")]
    [InlineData("2G")]
    [InlineData("9999999999999G")]
    [InlineData("M")]
    public void TrySize_OutsideOrUnreadable_Refused(string text) => Assert.False(Settings.TrySize(text, 1 << 20, 1 << 30, out _));
}
