namespace ILPreempt.Runtime.Scheduling;

/// <summary>Why a goroutine waits, in the words that users of Go know. Shown the same in dumps, events and errors.
/// The weaver writes the numbers into woven code: new ones go to the end.</summary>
internal enum WaitReason
{
    None,
    Sleep,
    ChanReceive,
    ChanSend,
    Select,
    SyncMutexLock,
    SemAcquire,
    IOWait,
    Syscall,
    Preempted,
    MonitorEnter,
    TaskWait,
    StoppingTheWorld,
    SyncCondWait,
}

internal static class WaitReasons
{
    internal static string Text(this WaitReason reason) => reason switch
    {
        WaitReason.Sleep => "sleep",
        WaitReason.ChanReceive => "chan receive",
        WaitReason.ChanSend => "chan send",
        WaitReason.Select => "select",
        WaitReason.SyncMutexLock => "sync.Mutex.Lock",
        WaitReason.SemAcquire => "semacquire",
        WaitReason.IOWait => "IO wait",
        WaitReason.Syscall => "syscall",
        WaitReason.Preempted => "preempted",
        WaitReason.MonitorEnter => "monitor enter",
        WaitReason.TaskWait => "task wait",
        WaitReason.StoppingTheWorld => "stopping the world",
        WaitReason.SyncCondWait => "sync.Cond.Wait",
        _ => "",
    };
}
