namespace ILPreempt.Weaver.Rules;

/// <summary>How a blocking call is woven.</summary>
internal enum BlockingKind
{
    /// <summary>It nearly always waits: the goroutine gives its P away before the call and asks for one after it.</summary>
    Region,

    /// <summary>It mostly returns at once: the goroutine only says why it would wait, and sysmon takes the P if it does.</summary>
    Mark,
}

/// <summary>One member of the framework that may block.</summary>
/// <param name="Type">Full name of the declaring type.</param>
/// <param name="Member">Name; all overloads are meant.</param>
/// <param name="Kind">What is done.</param>
/// <param name="Reason">The wait reason, as the runtime's WaitReason spells it.</param>
/// <param name="Guard">A property of the receiver that tells beforehand whether the call will wait; empty for none.</param>
/// <param name="WaitsIf">The call waits if the guard is true; else, if it is false or 0.</param>
internal sealed record BlockingCall(string Type, string Member, BlockingKind Kind, string Reason, string Guard, bool WaitsIf);

/// <summary>
/// The framework's members that block the calling thread. They are not replaced: the call stands as it is, with a call of the runtime
/// before and after it (<c>Blocking.Enter(reason)</c>, <c>Blocking.Exit()</c>), which works for every overload, generic
/// receiver and exception alike. What is missing here is found by sysmon, which takes the P of a thread that sits in native code.
/// </summary>
/// <remarks>
/// One line: kind, type, reason, members. <c>Wait?IsSet</c> does nothing if IsSet is true or not 0, <c>SpinOnce!X</c> if X is false;
/// a guard is read only by overloads without parameters, where the receiver is on top of the stack; others with <c>?</c> are
/// taken to wait, with <c>!</c> not to.
/// </remarks>
internal static class BlockingTable
{
    private const string Table = """
        Region System.Threading.Thread Sleep Sleep
        Region System.Threading.Thread SemAcquire Join
        Region System.Threading.Thread Preempted Yield
        Region System.Threading.SpinWait Preempted SpinOnce!NextSpinWillYield SpinUntil
        Region System.Threading.Monitor SyncCondWait Wait
        Mark System.Threading.ReaderWriterLockSlim SyncMutexLock EnterReadLock EnterWriteLock EnterUpgradeableReadLock TryEnterReadLock TryEnterWriteLock TryEnterUpgradeableReadLock
        Mark System.Threading.ReaderWriterLock SyncMutexLock AcquireReaderLock AcquireWriterLock UpgradeToWriterLock
        Region System.Threading.SemaphoreSlim SemAcquire Wait?CurrentCount
        Region System.Threading.WaitHandle SemAcquire WaitOne WaitAll SignalAndWait
        Region System.Threading.WaitHandle Select WaitAny
        Region System.Threading.ManualResetEventSlim SemAcquire Wait?IsSet
        Region System.Threading.CountdownEvent SemAcquire Wait?IsSet
        Region System.Threading.Barrier SemAcquire SignalAndWait
        Region System.Threading.Tasks.Task TaskWait Wait?IsCompleted WaitAll
        Region System.Threading.Tasks.Task Select WaitAny
        Region System.Threading.Tasks.Task`1 TaskWait get_Result?IsCompleted
        Region System.Threading.Tasks.ValueTask`1 TaskWait get_Result?IsCompleted
        Region System.Runtime.CompilerServices.TaskAwaiter TaskWait GetResult?IsCompleted
        Region System.Runtime.CompilerServices.TaskAwaiter`1 TaskWait GetResult?IsCompleted
        Region System.Runtime.CompilerServices.ValueTaskAwaiter TaskWait GetResult?IsCompleted
        Region System.Runtime.CompilerServices.ValueTaskAwaiter`1 TaskWait GetResult?IsCompleted
        Region System.Runtime.CompilerServices.ConfiguredTaskAwaitable/ConfiguredTaskAwaiter TaskWait GetResult?IsCompleted
        Region System.Runtime.CompilerServices.ConfiguredTaskAwaitable`1/ConfiguredTaskAwaiter TaskWait GetResult?IsCompleted
        Region System.Runtime.CompilerServices.ConfiguredValueTaskAwaitable/ConfiguredValueTaskAwaiter TaskWait GetResult?IsCompleted
        Region System.Runtime.CompilerServices.ConfiguredValueTaskAwaitable`1/ConfiguredValueTaskAwaiter TaskWait GetResult?IsCompleted
        Region System.Collections.Concurrent.BlockingCollection`1 ChanReceive Take?Count
        Region System.Collections.Concurrent.BlockingCollection`1 Select TakeFromAny
        Mark System.Collections.Concurrent.BlockingCollection`1 ChanReceive TryTake TryTakeFromAny
        Mark System.Collections.Concurrent.BlockingCollection`1 ChanSend Add TryAdd AddToAny TryAddToAny
        Region System.Net.Sockets.Socket IOWait Accept Connect Receive ReceiveFrom ReceiveMessageFrom Poll Disconnect
        Region System.Net.Sockets.Socket Select Select
        Mark System.Net.Sockets.Socket IOWait Send SendTo SendFile
        Region System.Net.Sockets.TcpListener IOWait AcceptSocket AcceptTcpClient
        Region System.Net.Sockets.TcpClient IOWait Connect
        Region System.Net.Sockets.UdpClient IOWait Receive
        Region System.Net.Sockets.NetworkStream IOWait Read ReadByte
        Mark System.Net.Sockets.NetworkStream IOWait Write WriteByte
        Region System.Net.Security.SslStream IOWait Read ReadByte AuthenticateAsClient AuthenticateAsServer
        Mark System.Net.Security.SslStream IOWait Write WriteByte
        Region System.Net.Dns IOWait GetHostEntry GetHostAddresses GetHostByName GetHostByAddress Resolve
        Region System.Net.Http.HttpClient IOWait Send
        Region System.Net.HttpListener IOWait GetContext
        Region System.Net.NetworkInformation.Ping IOWait Send
        Region System.IO.Pipes.NamedPipeServerStream IOWait WaitForConnection
        Region System.IO.Pipes.NamedPipeClientStream IOWait Connect
        Region System.IO.FileSystemWatcher IOWait WaitForChanged
        Mark System.IO.Stream IOWait Read ReadExactly ReadAtLeast Write CopyTo Flush
        Mark System.IO.FileStream IOWait Read Write CopyTo Flush Lock
        Mark System.IO.TextReader IOWait ReadLine ReadToEnd ReadBlock
        Mark System.IO.StreamReader IOWait ReadLine ReadToEnd ReadBlock
        Mark System.IO.File Syscall ReadAllBytes ReadAllText ReadAllLines WriteAllBytes WriteAllText WriteAllLines AppendAllText AppendAllLines Copy Move
        Mark System.IO.RandomAccess Syscall Read Write FlushToDisk
        Region System.Console IOWait Read ReadLine ReadKey
        Region System.Diagnostics.Process Syscall WaitForExit WaitForInputIdle
        Mark System.Diagnostics.Process Syscall Start
        Region System.GC Syscall WaitForPendingFinalizers WaitForFullGCApproach WaitForFullGCComplete
        """;

    /// <summary>What blocks and is left alone, for people: sysmon takes the P after 20 us when somebody waits for it.</summary>
    public static IReadOnlyList<(string What, string Why)> LeftAlone { get; } =
    [
        ("System.Threading.Monitor.Enter, TryEnter, System.Threading.Lock", "too hot for a mark; the wait reason is 'monitor enter'"),
        ("System.Threading.SpinLock", "spins; a goroutine that waits for one uses its slice up"),
        ("System.Threading.Thread.SpinWait", "does not block"),
        ("System.Lazy`1.Value, LazyInitializer", "a Monitor inside the framework"),
        ("type initialisers", "no call stands in the code that waits"),
        ("System.Console.Write*, TextWriter", "block only on a full pipe"),
        ("MoveNext of GetConsumingEnumerable, ToBlockingEnumerable", "an interface call that mostly does not wait"),
        ("System.Threading.Tasks.Parallel, PLINQ", "run the program's code on the calling thread too"),
        ("System.Data.Common.*", "no provider is part of the framework"),
        ("delegates made of blocking members", "what they are called for is not known where they are made"),
        ("P/Invoke, memory-mapped files", "nothing tells the short from the long"),
    ];

    private static readonly Dictionary<string, Dictionary<string, BlockingCall>> s_calls = Parse();

    public static IEnumerable<BlockingCall> All => s_calls.Values.SelectMany(calls => calls.Values);

    public static bool Mentions(string type, string member) => s_calls.TryGetValue(type, out Dictionary<string, BlockingCall>? calls) && calls.ContainsKey(member);

    public static BlockingCall? Find(string type, string member) =>
        s_calls.TryGetValue(type, out Dictionary<string, BlockingCall>? calls) && calls.TryGetValue(member, out BlockingCall? call) ? call : null;

    private static Dictionary<string, Dictionary<string, BlockingCall>> Parse()
    {
        Dictionary<string, Dictionary<string, BlockingCall>> result = new(StringComparer.Ordinal);
        foreach (string line in Table.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ');
            if (!result.TryGetValue(words[1], out Dictionary<string, BlockingCall>? calls))
            {
                result.Add(words[1], calls = new(StringComparer.Ordinal));
            }

            foreach (string word in words.AsSpan(3))
            {
                int at = word.IndexOfAny(['?', '!']);
                string member = at < 0 ? word : word[..at];
                string guard = at < 0 ? "" : "get_" + word[(at + 1)..];
                calls.Add(member, new BlockingCall(words[1], member, Enum.Parse<BlockingKind>(words[0]), words[2], guard, at >= 0 && word[at] == '!'));
            }
        }

        return result;
    }
}
