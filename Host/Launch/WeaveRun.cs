using System.Diagnostics;
using System.Text;
using ILPreempt.Host.Cache;
using ILPreempt.Weaver;
using ILPreempt.Weaver.Resolving;

namespace ILPreempt.Host.Launch;

/// <summary>Weaves a program's assemblies, as many at once as there are CPUs, the biggest first so that none is left alone at the end.</summary>
internal static class WeaveRun
{
    /// <summary>The weaver's options for a request.</summary>
    public static WeaverOptions Options(string checks) =>
        new() { Checks = checks == "all" ? CheckPlacement.All : CheckPlacement.LoopsAndCycles };

    /// <summary>
    /// Weaves the program once for nothing, with references that are a good guess, so that the weaver's code is compiled by
    /// the time that hostpolicy has answered: a tenth of a second of a first run. Throws nothing.
    /// </summary>
    public static void WarmUp(Guest guest, LaunchRequest request)
    {
        try
        {
            if (request.Scope != "none" && Environment.ProcessorCount > 1 && new FileInfo(guest.App).Length < 1 << 20)
            {
                using ReferenceSet set = new(Directory.GetFiles(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "System*.dll"));
                _ = new AssemblyWeaver(Options(request.Checks), set).WeaveImage(File.ReadAllBytes(guest.App), null, guest.App);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or WeaveException)
        {
            // Whatever it is, the weaving proper meets it again and reports it.
        }
    }

    /// <summary>Returns the stored result for each input.</summary>
    public static List<KeyValuePair<string, StoredAssembly>> All(
        IReadOnlyList<string> inputs, string entry, IReadOnlyList<string> references, CacheFolder cache, LaunchRequest request)
    {
        WeaverOptions options = Options(request.Checks);
        ContentStore store = new(cache, options.Identity);
        ContentStore entryStore = new(cache, options.Identity + ";entry");
        using ReferenceSet set = new(references);
        AssemblyWeaver weaver = new(options, set) { MayUseThreadPool = true };
        using Progress progress = new(inputs.Count);
        Nursery.Open(inputs);

        List<KeyValuePair<string, StoredAssembly>> results = [];
        Exception? failure = null;
        Parallel.ForEach(
            inputs.OrderByDescending(file => new FileInfo(file).Length),
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            file =>
            {
                try
                {
                    Stopwatch clock = Stopwatch.StartNew();
                    bool fresh = false;
                    StoredAssembly stored = (file == entry ? entryStore : store).Get(file, Path.GetFileName(file), output =>
                    {
                        fresh = true;
                        WeaveReport report = weaver.WeaveFile(file, output, isEntryAssembly: file == entry);
                        return report.Outcome == WeaveOutcome.Woven ? null : $"{report.Code}: {(report.Notes.Count > 0 ? report.Notes[0].Text : "left alone")}";
                    });
                    lock (results)
                    {
                        results.Add(new(file, stored));
                        progress.Step();
                        if (request.Verbose)
                        {
                            Console.Error.WriteLine(
                                $"ilpreempt: {Path.GetFileName(file)}: {(stored.Assembly is null ? stored.Note : fresh ? $"woven in {clock.ElapsedMilliseconds} ms" : "in the cache")}");
                        }
                    }
                }
                catch (Exception e)
                {
                    lock (results)
                    {
                        // A dependency that cannot be woven is run as it is, as plain dotnet would; the program itself has to be readable.
                        if (file == entry || e is not WeaveException)
                        {
                            failure ??= e;
                        }
                    }
                }
            });
        return failure switch
        {
            null => results,
            WeaveException => throw new UserException(ExitCode.Data, failure.Message),
            _ => throw new IOException($"{entry}: weaving failed: {failure.Message}", failure),
        };
    }

    /// <summary>One line on a terminal, shown once the weaving has taken half a second, gone when it is over.</summary>
    private sealed class Progress : IDisposable
    {
        private readonly int _total;
        private readonly Timer? _timer;

        // Not Console.Error: on a terminal that sends the terminal's initialisation first, which is the guest's affair.
        private readonly Stream _error = Console.OpenStandardError();
        private int _done;
        private bool _shown;

        public Progress(int total)
        {
            _total = total;
            if (!Console.IsErrorRedirected)
            {
                _timer = new Timer(_ => Show(), null, 500, 250);
            }
        }

        public void Step() => Interlocked.Increment(ref _done);

        public void Dispose()
        {
            if (_timer is null)
            {
                return;
            }

            using ManualResetEvent ended = new(false);
            _timer.Dispose(ended);
            ended.WaitOne();
            if (_shown)
            {
                _error.Write("\r\u001b[K"u8);
            }
        }

        private void Show()
        {
            _shown = true;
            _error.Write(Encoding.UTF8.GetBytes($"\r\u001b[Kilpreempt: first run, weaving {Volatile.Read(ref _done)} of {_total} assemblies"));
        }
    }
}
