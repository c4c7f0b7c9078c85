namespace ILPreempt.Simulation;

/// <summary>
/// The cache lines that many CPUs share: the scheduler's words and the words of its locks. A line is with one writer or with any number of
/// readers; whoever needs it from another waits until those before him have had it. That is where contention comes from: ten
/// CPUs that add to one word take ten transfers, one after another. All other memory has a flat price (Costs).
/// </summary>
internal static class Lines
{
    internal const int Max = 1024;

    private static readonly Dictionary<nint, int> s_ofWord = [];
    private static readonly Line[] s_lines = new Line[Max];
    private static readonly ulong[] s_filter = new ulong[1024];
    private static int s_count = 1;

    private struct Line
    {
        internal SimThread? Owner;
        internal int Version;
        internal bool Shared;
        internal long BusyUntil;
        internal long Waited;
        internal long Writes;
    }

    internal static void Clear()
    {
        s_ofWord.Clear();
        Array.Clear(s_lines);
        Array.Clear(s_filter);
        s_count = 1;
    }

    /// <summary>A new line, for words that are added to it.</summary>
    internal static int New() => s_count < Max ? s_count++ : throw new InvalidOperationException("too many shared lines");

    internal static void Add(nint word, int line)
    {
        s_ofWord[word] = line;
        s_filter[Slot(word)] |= Bit(word);
    }

    /// <summary>The line of a word, 0 for one that is not shared.</summary>
    internal static int Of(nint word) => (s_filter[Slot(word)] & Bit(word)) != 0 && s_ofWord.TryGetValue(word, out int line) ? line : 0;

    /// <summary>How long all writers together waited for the line, and how often it was written.</summary>
    internal static (long Waited, long Writes) Statistics(int line) => (s_lines[line].Waited, s_lines[line].Writes);

    internal static long Write(SimThread t, int index)
    {
        ref Line line = ref s_lines[index];
        line.Writes++;
        if (line.Owner == t && !line.Shared)
        {
            return Costs.Atomic;
        }

        long start = Math.Max(t.Time, line.BusyUntil);
        line.BusyUntil = start + Costs.WriteHold;
        line.Waited += start - t.Time;
        line.Owner = t;
        line.Shared = false;
        t.Seen[index] = ++line.Version;
        return start - t.Time + Costs.Miss + Costs.Atomic;
    }

    internal static long Read(SimThread t, int index)
    {
        ref Line line = ref s_lines[index];
        if (t.Seen[index] == line.Version)
        {
            return Costs.Hit;
        }

        long start = Math.Max(t.Time, line.BusyUntil);
        line.BusyUntil = start + Costs.ReadHold;
        line.Shared = true;
        t.Seen[index] = line.Version;
        return start - t.Time + Costs.Miss;
    }

    private static int Slot(nint word) => (int)(((ulong)word >> 8) & 1023);

    private static ulong Bit(nint word) => 1UL << (int)(((ulong)word >> 2) & 63);
}
