namespace ILPreempt.Runtime.Scheduling;

/// <summary>
/// The states of a goroutine, with Go's numbers. Four facts describe each: on a run queue? running user code? whose frames?
/// M and P set?
/// </summary>
internal enum GStatus
{
    /// <summary>Just made. On no queue, no frames, no M.</summary>
    Idle = 0,

    /// <summary>On a run queue or being handed over. Not running. Frames (if started) stay on its locked M.</summary>
    Runnable = 1,

    /// <summary>Runs user code. On no queue; M set, and the M has a P.</summary>
    Running = 2,

    /// <summary>In native code or blocked in it, or runs on without a P after sysmon took it. M set; the M may have lost its P.</summary>
    Syscall = 3,

    /// <summary>Parked. On no run queue; something recorded it and will ready it. Frames stay on its locked M.</summary>
    Waiting = 4,

    /// <summary>Finished. On no queue, no frames.</summary>
    Dead = 6,

    /// <summary>Stopped by a signal in its own frames. Not on a queue until the runtime puts it there.</summary>
    Preempted = 9,
}

/// <summary>The legal edges. Everything else is a bug of the runtime and ends the process.</summary>
internal static class GStatusEdges
{
    internal static bool IsLegal(GStatus from, GStatus to) => from switch
    {
        GStatus.Idle => to is GStatus.Runnable or GStatus.Syscall,
        GStatus.Runnable => to is GStatus.Running,
        GStatus.Running => to is GStatus.Runnable or GStatus.Waiting or GStatus.Syscall or GStatus.Dead or GStatus.Preempted,
        GStatus.Syscall => to is GStatus.Running or GStatus.Runnable or GStatus.Dead,
        GStatus.Waiting => to is GStatus.Runnable,
        GStatus.Preempted => to is GStatus.Runnable,
        _ => false,
    };
}
