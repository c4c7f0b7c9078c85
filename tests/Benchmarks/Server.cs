using System.Diagnostics;
using System.Globalization;
using ILPreempt.Benchmarks.Table;
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

    /// <summary>HogServer, or its Go twin; null where that is not there.</summary>
    public static Server? Start(Column column)
    {
        if (column == Column.Go)
        {
            return GoPrograms.Program is string program ? Start(program, ["server"]) : null;
        }

        return Start(hosted: column == Column.ILPreempt);
    }

    public static Server Start(bool hosted)
    {
        string app = Repo.TestApp("HogServer");
        return Start(hosted ? Repo.IlPreempt : Repo.Dotnet, hosted ? ["run", app] : [app]);
    }

    private static Server Start(string command, string[] arguments)
    {
        ProcessStartInfo info = new(command, arguments) { RedirectStandardOutput = true };
        Process process = Process.Start(info)!;
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith("listening ", StringComparison.Ordinal))
            {
                return new Server(process, line[10..]);
            }
        }

        throw new InvalidOperationException($"{command} {string.Join(' ', arguments)} did not start.");
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
