namespace ILPreempt.Runtime.Platform;

/// <summary>The range of the calling thread's stack, and the kernel's view of which of its pages exist.</summary>
internal static unsafe class StackBounds
{
    /// <summary>Low end of the main thread's stack once the host has expanded it; 0 when nobody did. Set before the entry point runs.</summary>
    internal static nuint MainLow;

    /// <summary>High end of that stack: how the main thread is told from the others.</summary>
    internal static nuint MainHigh;

    /// <summary>Fills the bounds, or returns false where the platform does not tell.</summary>
    internal static bool TryGet(out nuint low, out nuint high)
    {
        low = high = 0;
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        byte* attributes = stackalloc byte[128];
        if (Libc.PThreadGetAttr(Libc.PThreadSelf(), attributes) != 0)
        {
            return false;
        }

        nuint size;
        nuint from;
        int error = Libc.PThreadAttrGetStack(attributes, &from, &size);
        _ = Libc.PThreadAttrDestroy(attributes);
        high = from + size;

        // For the main thread glibc answers with today's limit, which is the old one again by now.
        low = MainLow != 0 && high == MainHigh ? MainLow : from;
        return error == 0;
    }

    /// <summary>Whether the page at <paramref name="address"/> has been touched.</summary>
    internal static bool IsResident(nuint address)
    {
        byte present = 0;
        return Libc.MinCore((void*)(address & ~(nuint)4095), 4096, &present) == 0 && (present & 1) != 0;
    }

    /// <summary>Gives the pages of [low, high) back to the kernel; they read as zero when touched again.</summary>
    internal static void Release(nuint low, nuint high)
    {
        nuint from = (low + 4095) & ~(nuint)4095;
        nuint to = high & ~(nuint)4095;
        if (to > from)
        {
            _ = Libc.MAdvise((void*)from, to - from, Libc.MADV_DONTNEED);
        }
    }
}
