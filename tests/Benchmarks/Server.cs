using System.Diagnostics;
using System.Globalization;
using ILPreempt.TestUtils;

namespace ILPreempt.Benchmarks;

/// <summary>TestApps/HogServer in a process of its own, plain or hosted.</summary>
internal sealed class Server : IDisposable
{
    private readonly Process _process;

    private Server(Process process, string address)
    {
        _process = process;
        Client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1000 })
        {
            BaseAddress = new Uri(address),
            Timeout = TimeSpan.FromMinutes(5),
        };
    }

    public HttpClient Client { get; }

    public string Address => Client.BaseAddress!.ToString();

    public TimeSpan Cpu
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public static Server Start(bool hosted)
    {
        string app = Repo.TestApp("HogServer");
        ProcessStartInfo info = new(hosted ? Repo.IlPreempt : Repo.Dotnet, hosted ? ["run", app] : [app]) { RedirectStandardOutput = true };
        Process process = Process.Start(info)!;
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith("listening ", StringComparison.Ordinal))
            {
                return new Server(process, line[10..]);
            }
        }

        throw new InvalidOperationException($"{app} did not start.");
    }

    /// <summary>Rounds of /hog that one core does in a second.</summary>
    public int Rate() => int.Parse(Client.GetStringAsync("rate").Result, CultureInfo.InvariantCulture);

    public void Dispose()
    {
        Client.Dispose();
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
