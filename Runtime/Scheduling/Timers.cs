using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Scheduling;

/// <summary>A timer of the scheduler. Its function only readies goroutines: user code never runs on the dispatch path.</summary>
internal sealed class SchedTimer(Action<object> function, object argument)
{
    internal readonly Action<object> Function = function;
    internal readonly object Argument = argument;

    /// <summary>Due time on Clock. Changed only while the timer is in no heap.</summary>
    internal long When;

    /// <summary>Position in its heap, -1 outside; under the heap's lock.</summary>
    internal int Index = -1;
}

/// <summary>
/// The timers of one P: a 4-ary heap under its own lock (Go: timers). The earliest due time is kept in a word that others
/// read without the lock to learn when to wake; it is stored under the lock after the heap changed, and a reader that saw
/// the older value is corrected by the poke that Add's caller sends (Scheduler.AddTimer).
/// Lock order: never together with the scheduler's lock; functions run with no lock held.
/// </summary>
internal sealed class TimerHeap
{
    private readonly RuntimeLock _lock = new("timers");
    private SchedTimer[] _heap = new SchedTimer[16];
    private int _count;
    private long _earliest;

    /// <summary>Due time of the first timer; 0 when there is none.</summary>
    internal long Earliest => Volatile.Read(ref _earliest);

    internal int Count => Volatile.Read(ref _count);

    /// <summary>Adds a timer that is in no heap.</summary>
    internal void Add(SchedTimer timer, long when)
    {
        _lock.Lock();
        timer.When = when;
        if (_count == _heap.Length)
        {
            Array.Resize(ref _heap, _count * 2);
        }

        Up(_count++, timer);
        Volatile.Write(ref _earliest, _heap[0].When);
        _lock.Unlock();
    }

    /// <summary>Removes a timer of this heap. False: it has already run or is about to.</summary>
    internal bool Remove(SchedTimer timer)
    {
        _lock.Lock();
        bool found = timer.Index >= 0 && timer.Index < _count && ReferenceEquals(_heap[timer.Index], timer);
        if (found)
        {
            RemoveAt_NeedsLock(timer.Index);
        }

        _lock.Unlock();
        return found;
    }

    /// <summary>Runs everything that is due. Any thread may call it. Returns whether a timer ran.</summary>
    internal bool RunDue(long now)
    {
        bool ran = false;
        while (true)
        {
            long earliest = Earliest;
            if (earliest == 0 || earliest > now)
            {
                return ran;
            }

            SchedTimer? due = null;
            _lock.Lock();
            if (_count > 0 && _heap[0].When <= now)
            {
                due = _heap[0];
                RemoveAt_NeedsLock(0);
            }

            _lock.Unlock();
            if (due != null)
            {
                due.Function(due.Argument);
                ran = true;
            }
        }
    }

    /// <summary>Moves all timers to another heap. In a stopped world.</summary>
    internal void MoveTo(TimerHeap other)
    {
        while (_count > 0)
        {
            SchedTimer timer = _heap[0];
            Remove(timer);
            other.Add(timer, timer.When);
        }
    }

    private void RemoveAt_NeedsLock(int index)
    {
        _lock.AssertHeld();
        SchedTimer last = _heap[--_count];
        _heap[index].Index = -1;
        _heap[_count] = null!;
        if (index < _count)
        {
            Down(index, last);
            if (ReferenceEquals(_heap[index], last))
            {
                Up(index, last);
            }
        }

        Volatile.Write(ref _earliest, _count == 0 ? 0 : _heap[0].When);
    }

    private void Up(int i, SchedTimer timer)
    {
        while (i > 0)
        {
            int parent = (i - 1) / 4;
            if (_heap[parent].When <= timer.When)
            {
                break;
            }

            Place(i, _heap[parent]);
            i = parent;
        }

        Place(i, timer);
    }

    private void Down(int i, SchedTimer timer)
    {
        while (true)
        {
            int first = (4 * i) + 1;
            if (first >= _count)
            {
                break;
            }

            int least = first;
            int end = Math.Min(first + 4, _count);
            for (int child = first + 1; child < end; child++)
            {
                if (_heap[child].When < _heap[least].When)
                {
                    least = child;
                }
            }

            if (timer.When <= _heap[least].When)
            {
                break;
            }

            Place(i, _heap[least]);
            i = least;
        }

        Place(i, timer);
    }

    private void Place(int i, SchedTimer timer)
    {
        _heap[i] = timer;
        timer.Index = i;
    }
}
