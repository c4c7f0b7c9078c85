using System.Globalization;
using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>A server under a mixed load: when the load is gone, so is everything that came with it.</summary>
public class LeakTests
{
    [Fact]
    public void MixedLoad_ForFiveMinutes_LeavesNothingBehind() => Drive(TimeSpan.FromMinutes(5));

    [LongFact]
    public void MixedLoad_ForHalfAnHour_LeavesNothingBehind() => Drive(TimeSpan.FromMinutes(30));

    // Thread pool threads, threads of the process, bytes of managed memory, timers; and the scheduler's threads with a goroutine.
    private static void Drive(TimeSpan duration)
    {
        string before = "";
        string after = "";
        int answers = 0;
        string failure = "";
        ChildResult result = ChildProcess.Hosted(
            Repo.TestApp("HogServer"),
            [],
            new ChildOptions
            {
                Timeout = duration + TimeSpan.FromMinutes(3),
                Environment = new Dictionary<string, string?> { ["ILPREEMPT_SCHEDTRACE"] = "500" },
                OnOutputLine = (child, line) => Task.Run(async () =>
                {
                    try
                    {
                        using HttpClient client = new() { BaseAddress = new Uri(line.Split(' ')[1]), Timeout = TimeSpan.FromSeconds(100) };
                        await Load(client, TimeSpan.FromSeconds(5));
                        before = await Settled(client);
                        answers = await Load(client, duration);
                        after = await Settled(client);
                    }
                    catch (Exception e)
                    {
                        failure = e.ToString();
                    }

                    child.Signal(15);
                }),
            });
        Assert.Equal("", failure);
        Assert.True(answers > 100, $"{answers} answers\n{result}");
        long[] a = [.. before.Split(' ').Select(long.Parse)];
        long[] b = [.. after.Split(' ').Select(long.Parse)];
        string figures = $"pool threads, threads, bytes, timers: before {before}, after {after}, {answers} answers";
        Assert.True(b[1] <= a[1] + 4, figures);
        Assert.True(b[2] <= a[2] + (8 << 20), figures);
        Assert.True(b[3] <= a[3] + 4, figures);

        // Main, and perhaps the worker that answered last.
        string last = result.StdErr.Split('\n').Last(line => line.StartsWith("SCHED ", StringComparison.Ordinal));
        Assert.True(int.Parse(Regex.Match(last, @" threads=(\d+)").Groups[1].Value, CultureInfo.InvariantCulture) <= 4, last);
    }

    private static async Task<int> Load(HttpClient client, TimeSpan duration)
    {
        string[] paths = ["ping", "json", "async", "block", "hog/20000", "hog/100000", "text", "block"];
        DateTime end = DateTime.UtcNow + duration;
        int answers = 0;
        await Task.WhenAll(Enumerable.Range(0, 24).Select(async n =>
        {
            for (int i = n; DateTime.UtcNow < end; i++)
            {
                await client.GetStringAsync(paths[i % paths.Length]);
                Interlocked.Increment(ref answers);
            }
        }));
        return answers;
    }

    // The pool lets idle threads go after 20 s; until its count is at most 4, at most a minute.
    private static async Task<string> Settled(HttpClient client)
    {
        DateTime end = DateTime.UtcNow + TimeSpan.FromMinutes(1);
        while (true)
        {
            string counts = await client.GetStringAsync("counts");
            if (int.Parse(counts.Split(' ')[0], CultureInfo.InvariantCulture) <= 4 || DateTime.UtcNow > end)
            {
                return counts;
            }

            await Task.Delay(1000);
        }
    }
}
