using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using ILPreempt.TestUtils;
using Xunit;

namespace ILPreempt.Compatibility.Tests;

/// <summary>An ASP.NET Core minimal API answers, logs, fails and stops under the host as under plain dotnet.</summary>
public class WebAppTests
{
    private static readonly Lazy<ChildResult> s_plain = new(() => Drive(hosted: false));

    [Fact]
    public void WebApp_Hosted_BehavesAsPlain() => Compare(Drive(hosted: true));

    [Fact]
    public void WebApp_UnderStress_BehavesAsPlain() => Compare(Drive(hosted: true, ("ILPREEMPT_STRESS", "1")));

    private static void Compare(ChildResult hosted) => Comparison.AssertSame(s_plain.Value, hosted, Difference.Without(@"127\.0\.0\.1:\d+", @"(Connection|Request) id ""[^""]*"""));

    // The answers are appended to what the program wrote, so that one comparison covers both.
    private static ChildResult Drive(bool hosted, params (string Name, string Value)[] environment)
    {
        ConcurrentQueue<string> answers = new();
        ChildOptions options = new()
        {
            Timeout = TimeSpan.FromSeconds(120),
            Environment = environment.ToDictionary(e => e.Name, e => (string?)e.Value),
            OnOutputLine = (child, line) =>
            {
                if (Regex.Match(line, @"Now listening on: (\S+)") is { Success: true } match)
                {
                    _ = Task.Run(async () =>
                    {
                        try
                        {
                            await foreach (string answer in Ask(match.Groups[1].Value))
                            {
                                answers.Enqueue(answer);
                            }
                        }
                        catch (Exception e)
                        {
                            answers.Enqueue(e.ToString());
                        }
                        finally
                        {
                            child.Signal(15);
                        }
                    });
                }
            },
        };
        ChildResult result = hosted
            ? ChildProcess.Hosted(Repo.TestApp("WebApp"), ["--urls", "http://127.0.0.1:0"], options)
            : ChildProcess.Plain(Repo.TestApp("WebApp"), ["--urls", "http://127.0.0.1:0"], options);
        return result with { StdOut = result.StdOut + string.Join('\n', answers) + "\n" };
    }

    private static async IAsyncEnumerable<string> Ask(string address)
    {
        using HttpClient client = new() { BaseAddress = new Uri(address), Timeout = TimeSpan.FromSeconds(30) };
        foreach (string path in new[] { "plaintext", "json", "work/100000", "async", "blocking", "newton", "info", "nosuch", "throw", "worker", "count", "count" })
        {
            yield return await Get(path);
        }

        using HttpResponseMessage echo = await client.PostAsync("echo", new StringContent(new string('x', 100_000)));
        yield return $"echo {echo.StatusCode} {(await echo.Content.ReadAsStringAsync()).Length}";

        string[] together = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => Get(i % 3 == 0 ? "blocking" : i % 3 == 1 ? "work/200000" : "json")));
        yield return string.Join('\n', together.Order(StringComparer.Ordinal));

        async Task<string> Get(string path)
        {
            using HttpResponseMessage response = await client.GetAsync(path);
            return $"{path} {(int)response.StatusCode} {response.Content.Headers.ContentType} {await response.Content.ReadAsStringAsync()}";
        }
    }
}
