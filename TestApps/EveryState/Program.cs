// A goroutine in each state that a dump tells apart, each in a method named after it, and a number of them (the argument) that wait
// for one semaphore. To be run with one processor. Prints "ready PID" when all are there, and ends after a minute and a half.
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using ILPreempt.Runtime;

class Program
{
    static readonly object s_lock = new();
    static readonly object s_condition = new();
    static readonly Lock s_newLock = new();
    static readonly SemaphoreSlim s_semaphore = new(0);
    static readonly TaskCompletionSource<int> s_never = new();
    static int s_there;
    static long s_sum;

    static int Main(string[] args)
    {
        int crowd = args.Length > 0 ? int.Parse(args[0], System.Globalization.CultureInfo.InvariantCulture) : 100;
        Action[] bodies = [Counting, InsideRegex, SleepingLong, WaitingForTask, OwningTheLock, ReadingASocket, InNativeCode, WaitingForAnEvent, WaitingForAPulse, JoiningAThread];
        foreach (Action body in bodies)
        {
            Goroutine.Start(body);
        }
        SpinWait.SpinUntil(() => Volatile.Read(ref s_there) == bodies.Length);
        Goroutine.Start(EnteringTheLock);
        Goroutine.Start(EnteringTheNewLock);
        for (int i = 0; i < crowd; i++)
        {
            Goroutine.Start(Crowding);
        }
        SpinWait.SpinUntil(() => Volatile.Read(ref s_there) == bodies.Length + 2 + crowd);
        FieldInfo waiters = typeof(SemaphoreSlim).GetField("m_waitCount", BindingFlags.Instance | BindingFlags.NonPublic)!;
        SpinWait.SpinUntil(() => (int)waiters.GetValue(s_semaphore)! == crowd);
        Thread.Sleep(500); // for the others to get from their announcement into their wait
        Console.WriteLine($"ready {Environment.ProcessId}");
        Thread.Sleep(90_000);
        Environment.Exit(0);
        return 0;
    }

    static void There() => Interlocked.Increment(ref s_there);

    static void Counting()
    {
        There();
        while (true) { s_sum++; }
    }

    static void InsideRegex()
    {
        There();
        Regex.IsMatch(new string('a', 60) + "!", "^(a+)+$");
    }

    static void SleepingLong()
    {
        There();
        Thread.Sleep(Timeout.Infinite);
    }

    static void WaitingForTask()
    {
        There();
        s_never.Task.Wait();
    }

    static void WaitingForAnEvent()
    {
        using ManualResetEventSlim never = new();
        There();
        never.Wait();
    }

    static void OwningTheLock()
    {
        lock (s_lock)
        {
            lock (s_newLock)
            {
                There();
                Goroutine.Sleep(TimeSpan.FromDays(1));
            }
        }
    }

    static void EnteringTheLock()
    {
        There();
        lock (s_lock) { s_sum++; }
    }

    static void EnteringTheNewLock()
    {
        There();
        lock (s_newLock) { s_sum++; }
    }

    static void WaitingForAPulse()
    {
        lock (s_condition)
        {
            There();
            Monitor.Wait(s_condition);
        }
    }

    static void JoiningAThread()
    {
        Thread sleeper = new(() => Thread.Sleep(Timeout.Infinite)) { IsBackground = true };
        sleeper.Start();
        There();
        sleeper.Join();
    }

    static void ReadingASocket()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        using TcpClient client = new();
        client.Connect((IPEndPoint)listener.LocalEndpoint);
        There();
        client.GetStream().ReadByte();
    }

    static void InNativeCode()
    {
        There();
        pause();
    }

    static void Crowding()
    {
        There();
        s_semaphore.Wait();
    }

    [DllImport("libc")]
    static extern int pause();
}
