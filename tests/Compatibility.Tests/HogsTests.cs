using System.Globalization;
using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>
/// Four call-free loops and a sleeper on one processor. What is asserted are ratios within one run: how often the sleeper
/// woke in relation to the CPU time the hogs had, and the hogs' shares in relation to each other. The largest gap in
/// milliseconds is printed by the program, not asserted: a loaded machine stretches it as it stretches everything.
/// </summary>
public class HogsTests
{
    [Theory]
    [InlineData("10ms", 10.0)]
    [InlineData("1ms", 1.0)]
    public void Hogs_OnOneProcessor_ShareItAndLetTheSleeperRun(string slice, double sliceMs)
    {
        const double seconds = 4;
        ChildResult result = ChildProcess.Hosted(
            Repo.TestApp("Hogs"),
            [seconds.ToString(CultureInfo.InvariantCulture)],
            new ChildOptions
            {
                Timeout = TimeSpan.FromSeconds(60),
                Environment = new Dictionary<string, string?> { ["ILPREEMPT_MAXPROCS"] = "1", ["ILPREEMPT_SLICE"] = slice },
            });
        Assert.True(result.ExitCode == 0, result.ToString());
        int wakes = int.Parse(Regex.Match(result.StdOut, @"wakes (\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
        int[] shares = Regex.Match(result.StdOut, @"shares ([\d ]+)").Groups[1].Value.Split(' ').Select(s => int.Parse(s, CultureInfo.InvariantCulture)).ToArray();

        // Between two turns of the sleeper lie at most four slices of CPU time, whatever else the machine does;
        // a third of that rate is asked for, since a hog that waits for a CPU inside its slice lengthens it.
        int cpuMs = int.Parse(Regex.Match(result.StdOut, @"cpu (\d+) ms").Groups[1].Value, CultureInfo.InvariantCulture);
        double rounds = cpuMs / (4 * sliceMs + 1);
        Assert.True(wakes >= rounds / 3, $"the sleeper woke {wakes} times, at least {rounds / 3:F0} wanted\n{result}");
        Assert.Equal(4, shares.Length);
        Assert.True(shares.Max() <= 1.5 * shares.Min(), $"shares differ\n{result}");
    }
}
