using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using ILPreempt.Runtime.Scheduling;
using ILPreempt.Simulation;

// What the scheduler asks of the kernel and of CoreCLR, as the simulated machine answers it. Nothing is ever in native code, no stack
// is deep, no signal is sent, and there are no threads but the scheduler's.
namespace ILPreempt.Runtime.Platform
{
    internal static class Clock
    {
        internal static long Now()
        {
            Machine.Step(Costs.Clock);
            return Machine.Now + 1;
        }

        internal static long ThreadCpu() => 0;
    }

    internal static unsafe class Futex
    {
        internal static void Wait(int* word, int expected, long ns)
        {
            Machine.Step(Costs.FutexWait);
            if (*word == expected)
            {
                Machine.Block((nint)word, ns);
            }
        }

        internal static void WakeOne(int* word) => Machine.Step(Machine.Wake((nint)word) ? Costs.FutexWake : Costs.FutexNobody);
    }

    internal static class Libc
    {
        /// <summary>Asked before a choice by nearness, whose looks it pays for. A P stays on its CPU here.</summary>
        internal static int CurrentCpu()
        {
            const int NearWindow = 8;
            Machine.Step(Costs.Clock + (Scheduler.RunQ.Lock.IsHeld ? Math.Min(NearWindow, Scheduler.RunQ.Count) * Costs.NearLook : 0));
            return M.Current?.P?.Id ?? -1;
        }

        internal static int ThreadId() => 0;

        internal static string ThreadName() => "";

        internal static int PrCtl(int option, nint a, nint b, nint c, nint d) => 0;

        internal static void WriteError(string text) => Machine.Fail(text);

        internal static void ExitNow(int code) => Machine.Fail($"exit {code}");
    }

    internal static class RuntimePanic
    {
        [DoesNotReturn]
        internal static void Throw(string what)
        {
            Machine.Fail(what);
            Machine.Finish();
            throw new InvalidOperationException(what);
        }

        [DoesNotReturn]
        internal static void Fatal(string first, string error) => Throw($"{first}: {error}");
    }

    internal static unsafe class ThreadMode
    {
        internal static nint NativeThread(Thread thread) => 0;

        internal static bool IsPreemptive(nint nativeThread) => false;

        internal static int* FlagOf(nint nativeThread) => null;

        internal static bool IsRunnable(int tid) => true;
    }

    internal static class CpuPlacement
    {
        internal static void Start()
        {
        }

        internal static bool Steer(M m, int cpu) => false;

        internal static void Restore(M m)
        {
        }

        internal static void RestoreFromOutside(M m)
        {
        }
    }

    internal static class KernelSlice
    {
        internal static void Ask(ulong ns)
        {
        }
    }

    internal static class CpuAlarm
    {
        internal static long Used() => Machine.Computed;

        internal static void Bind()
        {
        }

        internal static void Sleep(Note note, long cpuNs, long deadline) => note.Sleep(deadline);

        internal static void Wakeup()
        {
        }
    }

    internal static class StackBounds
    {
        internal static bool TryGet(out nuint low, out nuint high)
        {
            low = high = 0;
            return false;
        }

        internal static bool IsResident(nuint address) => false;

        internal static void Release(nuint low, nuint high)
        {
        }
    }

    internal readonly struct ThreadUsage
    {
        internal static ThreadUsage Now() => default;

        internal bool IsAtIt(ThreadUsage before, long leastNs) => false;
    }

    internal static class PoolWorker
    {
        internal static object? Counter() => null;

        internal static uint Completed(object counter) => 0;

        internal static bool Leave() => false;

        internal static void Return()
        {
        }

        internal static void ReturnLater()
        {
        }
    }
}

namespace ILPreempt.Runtime
{
    internal static unsafe class AsyncPreempt
    {
        internal static bool Enabled => false;

        internal static string? Reason => "there are no signals";

        internal static void Start(Platform.Note sysmon)
        {
        }

        internal static void Register(MSlot* slot)
        {
        }

        internal static void Unregister(MSlot* slot)
        {
        }

        internal static bool Send(MSlot* slot) => false;

        internal static void Resume(MSlot* slot)
        {
        }

        internal static nuint ReturnAddress(MSlot* slot, nuint local) => 0;

        internal static bool MaySend(long now) => false;

        internal static void ReadCodeMaps(long now)
        {
        }
    }
}

namespace ILPreempt.Runtime.Diagnostics
{
    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct RowList
    {
        internal void* First;
    }

    /// <summary>Finalizers give rows back, on a thread that is not of the simulation: so a plain lock, and the price of the real one, whose line is Trial's.</summary>
    internal sealed unsafe class UnmanagedRows(RowList* list, int rowSize, int rowsPerChunk)
    {
        private readonly System.Threading.Lock _lock = new();
        private readonly Stack<nint> _free = new(rowsPerChunk);
        private readonly int _isOfGs = rowSize == sizeof(GRow) ? 1 : 0;

        internal RowList* List => list;

        internal void* Rent()
        {
            if (_isOfGs != 0 && Machine.Current is SimThread t && Trial.RowsLine != 0)
            {
                Machine.Step(Costs.Allocation + Lines.Write(t, Trial.RowsLine));
            }

            lock (_lock)
            {
                if (_free.TryPop(out nint row))
                {
                    return (void*)row;
                }
            }

            void* fresh = NativeMemory.AlignedAlloc((nuint)rowSize, 64);
            NativeMemory.Clear(fresh, (nuint)rowSize);
            return fresh;
        }

        internal void Return(void* row)
        {
            NativeMemory.Clear(row, (nuint)rowSize);
            lock (_lock)
            {
                _free.Push((nint)row);
            }
        }
    }

    internal static class StallReport
    {
        internal static void StartIfSet()
        {
        }
    }

    internal static class Traceback
    {
        internal static void PrepareIfSet()
        {
        }
    }

    internal static class Door
    {
        internal static void Open()
        {
        }
    }
}

namespace ILPreempt.Runtime.Telemetry
{
    internal static class Recording
    {
        internal static void StartIfSet()
        {
        }
    }

    internal static class LateStart
    {
        internal static long Round(long now) => long.MaxValue;
    }

    /// <summary>Always on: the trial sees each change of a goroutine's state.</summary>
    internal static class Tracing
    {
        internal static int Flags => 1;

        internal static bool CasStatus(G g, ref int status, GStatus from, GStatus to)
        {
            if (Interlocked.CompareExchange(ref status, (int)to, (int)from) != (int)from)
            {
                return false;
            }

            Trial.Changed(g, from, to);
            return true;
        }

        internal static void Steal(M m, P thief, P victim, G g)
        {
        }

        internal static void Handoff(P p)
        {
        }

        internal static void Retake(P p, M m)
        {
        }
    }
}

namespace ILPreempt.Runtime.Scheduling
{
    internal static class SchedTrace
    {
        internal static string Line(long now) => "";

        internal static void Keep(M m)
        {
        }
    }
}
