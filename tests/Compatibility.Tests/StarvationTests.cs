using System.Globalization;
using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>
/// Work that fills the thread pool no longer keeps other work from running. Counts are asserted that differ by a factor of ten and
/// more between plain dotnet and the host, whatever else the machine does; milliseconds are for tests/Benchmarks.
/// </summary>
public class StarvationTests
{
    [Fact]
    public void Heartbeats_BesideHogsOnThePool_GoOn()
    {
        const int seconds = 4;
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("Heartbeat"), ["8", "4"]);
        Assert.True(result.ExitCode == 0, result.ToString());

        // Plain dotnet: 2 to 8 in all. Undisturbed: one in 10 to 11 ms.
        foreach (string beat in new[] { "delay", "timer", "periodic", "run" })
        {
            int count = int.Parse(Regex.Match(result.StdOut, $@"^{beat} (\d+)", RegexOptions.Multiline).Groups[1].Value, CultureInfo.InvariantCulture);
            Assert.True(count >= seconds * 20, $"{beat} came {count} times\n{result}");
        }
    }

    [Fact]
    public void Pings_BesideHogsInAServer_AreAnsweredBeforeTheHogsEnd()
    {
        int answered = 0;
        int hogsLeft = 12;
        ChildResult result = ChildProcess.Hosted(Repo.TestApp("HogServer"), [], new ChildOptions
        {
            OnOutputLine = (child, line) => Task.Run(async () =>
            {
                using HttpClient client = new() { BaseAddress = new Uri(line.Split(' ')[1]), Timeout = TimeSpan.FromSeconds(100) };
                Task[] hogs = [.. Enumerable.Range(0, hogsLeft).Select(async _ =>
                {
                    await client.GetStringAsync("hog/500000");
                    Interlocked.Decrement(ref hogsLeft);
                })];
                while (Volatile.Read(ref hogsLeft) == hogs.Length)
                {
                    await client.GetStringAsync("ping");
                    answered++;
                }

                await Task.WhenAll(hogs);
                child.Signal(15);
            }),
        });
        Assert.Equal(0, hogsLeft);

        // Plain dotnet answers the first ping after the first hogs.
        Assert.True(answered >= 50, $"{answered} pings\n{result}");
    }
}
