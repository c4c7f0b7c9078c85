namespace ILPreempt.Benchmarks.Table;

/// <summary>
/// Why a figure is behind an anchor and what would change it, keyed by row; a key without its last part speaks for all rows of the subject.
/// Printed only where the run says that the row is behind.
/// </summary>
internal static class Remarks
{
    private const string Pinned = "A goroutine that has started is bound to an OS thread, so a switch is a futex wake and the kernel's switch of threads. Goroutines that leave their thread while they wait (detached ones, see terms.md) would change it.";

    private static readonly Dictionary<string, string> s_dotnet = new()
    {
        ["create-task"] = "The pool's own code runs these; what is added are the checks in the program's loops and a tick every slice that looks for threads to adopt. Nothing more is planned: below the spread of most runs.",
        ["create-goroutine"] = "A goroutine is bound to a thread for its turn, is in the list of all goroutines and has a row for tools that a finalizer gives back; a Task.Run body is one object in a worker's queue. A pool of ended goroutines, as Go has, would save most of it.",
        ["create-thread"] = "A thread of the program starts as under plain .NET and is no goroutine until it computes; what is added is that it shares the CPUs with sysmon.",
        ["yield"] = "Thread.Yield with two threads on one CPU is a single system call. " + Pinned,
        ["yield-task"] = "A continuation of await passes the woven state machine's checks; and the two tasks keep a pool worker busy, which ticks adopt and .NET's pool replaces. A pool that did not replace a worker that only yields would change it.",
        ["pingpong"] = Pinned,
        ["pingpong-thread"] = "A wait that was announced gives the P away, and its end asks for one again. A short spin before the P is given away would change it where the answer comes within microseconds.",
        ["pingpong-task"] = "As for small tasks: woven state machines, and ticks of adoption.",
        ["parked-task"] = "The same objects as under plain .NET; the rest is the woven assembly.",
        ["parked-thread"] = "The same thread and the touched pages of its stack; added are the record of an M, an alternate stack for the signal, and the row for tools.",
        ["million/ms"] = "All of them stand in the global queue, under one lock, and each is a record with a row for tools and a finalizer. A pool of ended goroutines, as Go has, would save the finalizer and most collections.",
        ["million/peakMB"] = "A goroutine that has not started is a record, a row of the table and the delegate; ended ones are kept until their finalizer has run. A pool of ended goroutines would change it.",
        ["wakeup-1"] = "The kernel lets a thread that slept go first at once. Here sysmon sees to due timers: it wakes up itself, which costs one wake-up more, and both compete with the hog's thread for the CPUs.",
        ["wakeup-4"] = "The kernel lets a thread that slept go first at once; here a running slice has a millisecond before it is ended for a sleeper (WakeupNs in Scheduler.Wakeup.cs), and sysmon, the hog and the sleeper wake one after the other. A shorter millisecond costs the hogs more switches.",
        ["wakeup-16"] = "As beside 4 hogs: up to a millisecond of somebody's slice, and one turn of those who woke before.",
        ["wakeup-64"] = "As beside 4 hogs.",
        ["wakeup-task"] = "A hog is found one to two slices after it began, at a tick; until all are found the sleeper's continuation waits for a pool worker.",
        ["fairness"] = "Turns are equal to a slice (in traces of this program the shares of time are 1.16 to 1.31 apart), but not the work in a turn: who is stopped before its loop is optimised goes on in a variant of its own (on-stack replacement), who is stopped at a check in the loop's twin, and a CPU may be slower than the other. The kernel moves threads by the nanosecond.",
        ["kernels"] = "The checks. Counted loops have theirs in an outer loop already; what is left are loops around loops, loops whose end the weaver cannot know, and small methods that call each other.",
        ["kernels-asked"] = "The word that asks is one for the whole process, so every long loop runs in its twin from then on: in chunks that are moved on, and with bounds checks where the JIT had removed them.",
        ["slice-10ms"] = "What checks and switches of threads cost; the kernel's own slices have neither.",
        ["slice-1ms"] = "Ten times the switches of the default. " + Pinned,
        ["slice-100us"] = "A hundred times the switches of the default: this row is the price list of a slice. " + Pinned,
        ["server-1"] = "One hog and two processors: .NET has a worker free for pings anyway. Added is the CPU that sysmon and adoption take.",
        ["server-10/done"] = "The pings are answered meanwhile, and their code is compiled: CPU that plain .NET spends later (scheduler.md).",
        ["server-100/done"] = "As with 10.",
        ["load-tasks"] = "Checks in the program's loops, and ticks of adoption.",
        ["load-channel"] = "Two woven state machines: a check in each round, and ticks of adoption.",
        ["load-parallel"] = "Parallel.For's workers compute, are adopted, and start replicas when .NET's pool replaces them. A pool that knew that the worker goes on would change it.",
        ["load-lock"] = "sysmon takes the P of whoever waits for a lock, and it must queue for one again.",
        ["requests"] = "Kestrel's workers pay for the ticks of adoption and for woven code in between. Ticks only while somebody waits would change it.",
        ["startup/warm"] = "The launcher is a process image before the guest's: it looks up what it has woven, makes a mirror of the folder if needed, and the guest's process loads the runtime and starts sysmon.",
        ["startup/cold"] = "The weaver runs once for each assembly of the program. Weaving in the build (packages.md) leaves nothing of it.",
        ["gc-0"] = "A stack of a goroutine is walked as any other; added is sysmon, which is a managed thread and must be stopped too.",
        ["gc-8"] = "Threads that a signal stopped must leave the handler to be suspended. Goroutines that stand at a check need not.",
        ["gc-63"] = "As with 8 hogs.",
        ["signals"] = "Each thread that stands in the handler is woken by the collection.",
    };

    private static readonly Dictionary<string, string> s_go = new()
    {
        ["create-task"] = "A task is an object of .NET's pool, with the pool's queues.",
        ["create-goroutine"] = "Go uses ended goroutines again, stack and all; here each is a new record with a row for tools and a finalizer. A pool of ended goroutines would change it.",
        ["yield"] = Pinned,
        ["yield-task"] = ".NET's own await and pool; plain dotnet's figure is the same within its spread where no reason is given for it above.",
        ["pingpong"] = Pinned,
        ["pingpong-thread"] = "Two OS threads. " + Pinned,
        ["pingpong-task"] = ".NET's own channels and pool.",
        ["parked-task"] = "A task and its state machine are objects of .NET.",
        ["parked-thread"] = "A thread has its stack's touched pages, some 20 kB; Go's goroutine begins with 2 kB. Detached goroutines would change it.",
        ["million"] = "Go uses ended goroutines again; here each is a new record with a finalizer, and the runtime itself is larger. A pool of ended goroutines would change most of it.",
        ["wakeup-1"] = "Go's poller sleeps in the kernel until the timer is due and has one thread less to wake.",
        ["wakeup-4"] = "A busy machine stretches our thread switches more than Go's own: " + Pinned,
        ["wakeup-16"] = "As beside 4 hogs.",
        ["wakeup-64"] = "As beside 4 hogs.",
        ["wakeup-task"] = "Tasks are adopted one to two slices after they began; Go's goroutines are scheduled from their first instruction.",
        ["fairness"] = "Turns are equal to a slice in both.",
        ["preempt-check"] = "The other's thread must be woken by the kernel. " + Pinned,
        ["preempt-signal"] = "The signal follows the request after 200 us of grace, in which woven code would have met a check (--grace); then sysmon hands the P over. Go switches inside the handler's return.",
        ["slice-10ms"] = "Different compilers: compare with plain dotnet.",
        ["slice-1ms"] = "Go's slice stays 10 ms. " + Pinned,
        ["slice-100us"] = "Go's slice stays 10 ms. " + Pinned,
        ["server-1"] = "ASP.NET Core against net/http, both with one processor free: compare with plain dotnet.",
        ["server-10"] = "A hog's request is adopted after one to two slices; until the last is found pings wait for a pool worker. Go schedules requests from their first instruction.",
        ["server-100"] = "As with 10.",
        ["soa"] = "Each blocked body is a thread that the pool must make.",
        ["load-tasks"] = "Compare with plain dotnet: .NET's pool.",
        ["load-channel"] = "Compare with plain dotnet: .NET's channels.",
        ["load-parallel"] = "Go's twin cuts the range into one piece for each processor; Parallel.For calls a delegate for each index.",
        ["load-lock"] = "Compare with plain dotnet: Go's mutex lets a runner overtake those who wait, too, but wakes nobody as long as it does.",
        ["requests"] = "ASP.NET Core against net/http: compare with plain dotnet.",
        ["startup"] = "A .NET process starts CoreCLR and the JIT; Go's is compiled. NativeAOT is not covered.",
        ["gc-0"] = "CoreCLR stops all threads for the whole of a collection of generation 0; Go stops them only at the ends of its phases.",
        ["gc-8"] = "As alone.",
        ["gc-63"] = "As alone; and each thread of a hog is suspended by the kernel's means.",
    };

    public static string? For(Row row, Column anchor)
    {
        Dictionary<string, string> remarks = anchor == Column.Go ? s_go : s_dotnet;
        return remarks.GetValueOrDefault(row.Key) ?? remarks.GetValueOrDefault(row.Key.Split('/')[0]);
    }
}
