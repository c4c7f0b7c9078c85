using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// A process read by ptrace that stands still only while its registers and its writable memory are copied; names and stacks are
/// found afterwards, in the copy. What is not writable does not change, and is read from the live process. Of a stack only the part in use
/// is copied: each goroutine reserves 256 MB. A process with more memory than MaxBytes in use stays stopped until all is read.
/// Rejected: the debugging library's own way, which reads a few bytes at a time while the process stands still. x64 only.
/// </summary>
internal sealed partial class AttachedCopy : LinuxReader, IDisposable
{
    private const long MaxBytes = 1L << 30;
    private const int PageSize = 4096;
    private const int PagesAtOnce = 65536;
    private const ulong PresentOrSwapped = 3UL << 62;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    // Where each register of the kernel's user_regs_struct (r15 to ss) is in a Windows CONTEXT; 0 for those that nobody needs.
    private static readonly int[] s_context = [0xF0, 0xE8, 0xE0, 0xD8, 0xA0, 0x90, 0xD0, 0xC8, 0xC0, 0xB8, 0x78, 0x80, 0x88, 0xA8, 0xB0, 0, 0xF8, 0, 0, 0x98];
    private const int RegisterCount = 27;
    private const int Rsp = 19;

    private readonly Dictionary<uint, ulong[]> _registers = [];
    private readonly SortedList<ulong, byte[]> _copied = [];
    private bool _stopped;

    private AttachedCopy(int process)
        : base(process)
    {
    }

    public override string DisplayName => $"process {ProcessId}";

    /// <summary>How long the process stood still; null if it still does.</summary>
    public TimeSpan? Paused { get; private set; }

    /// <summary>Whether this is for the machine that it runs on.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Stops <paramref name="process"/>, copies it and lets it go on. To be disposed of by the same thread.</summary>
    /// <exception cref="AttachException">It may not be traced, does not stop, or ended.</exception>
    public static AttachedCopy Open(int process)
    {
        AttachedCopy copy = new(process);
        Stopwatch time = Stopwatch.StartNew();
        try
        {
            copy.StopAll(time);
            if (copy.CopyMemory())
            {
                copy.Dispose();
                copy.Paused = time.Elapsed;
            }

            copy.FindModules();
            return copy;
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    /// <summary>Lets the process go on.</summary>
    public void Dispose()
    {
        const int Detach = 17;
        foreach (uint thread in _registers.Keys.Where(_ => _stopped))
        {
            _ = PTrace(Detach, (int)thread, 0, 0);
        }

        _stopped = false;
    }

    public override int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            ulong at = address + (uint)done;
            int n = ReadCopied(at, buffer[done..], out ulong next);
            n = n > 0 ? n : ReadLive(at, buffer[done..(int)Math.Min((ulong)buffer.Length, (ulong)done + Math.Max(1, next - at))]);
            if (n <= 0)
            {
                break;
            }

            done += n;
        }

        return done;
    }

    public override bool GetThreadContext(uint threadID, uint contextFlags, Span<byte> context)
    {
        const int Flags = 0x30;
        const uint ControlAndIntegers = 0x100003;
        context.Clear();
        if (!_registers.TryGetValue(threadID, out ulong[]? registers))
        {
            return false;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(context[Flags..], ControlAndIntegers);
        for (int i = 0; i < s_context.Length; i++)
        {
            if (s_context[i] != 0 && s_context[i] + sizeof(ulong) <= context.Length)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(context[s_context[i]..], registers[i]);
            }
        }

        return true;
    }

    // Until a look finds no thread that is not stopped: those that run may start others.
    private void StopAll(Stopwatch time)
    {
        const int Seize = 0x4206, Interrupt = 0x4207, NoSuchThread = 3;
        _stopped = true;
        for (bool found = true; found;)
        {
            List<uint> asked = [];
            foreach (string folder in Directory.EnumerateDirectories($"/proc/{ProcessId}/task"))
            {
                uint thread = uint.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture);
                if (_registers.ContainsKey(thread))
                {
                    continue;
                }

                if (PTrace(Seize, (int)thread, 0, 0) != 0)
                {
                    int error = Marshal.GetLastPInvokeError();
                    if (error != NoSuchThread && _registers.Count + asked.Count == 0)
                    {
                        throw new AttachException($"cannot read process {ProcessId}: {Marshal.GetPInvokeErrorMessage(error)}; it must be yours and ptrace must be allowed");
                    }

                    continue;
                }

                _registers[thread] = [];
                _ = PTrace(Interrupt, (int)thread, 0, 0);
                asked.Add(thread);
            }

            asked.ForEach(thread => Await(thread, time));
            found = asked.Count > 0;
        }
    }

    private unsafe void Await(uint thread, Stopwatch time)
    {
        const int NoHang = 1, AnyChild = 0x40000000, GetRegisters = 12;
        int got;
        while ((got = WaitPid((int)thread, out int status, NoHang | AnyChild)) == 0)
        {
            if (time.Elapsed > s_limit)
            {
                throw new AttachException($"process {ProcessId} does not stop: its thread {thread} waits for the kernel");
            }

            Thread.Yield();
        }

        ulong[] registers = new ulong[RegisterCount];
        fixed (ulong* first = registers)
        {
            if (got > 0 && PTrace(GetRegisters, (int)thread, 0, (nint)first) == 0)
            {
                _registers[thread] = registers;
                return;
            }
        }

        _registers.Remove(thread); // it has ended
        if (!Directory.Exists($"/proc/{ProcessId}/task/{thread}") && thread == ProcessId)
        {
            throw new AttachException($"process {ProcessId} ended while it was read");
        }
    }

    // False if it is too much.
    private bool CopyMemory()
    {
        ulong[] stacks = [.. _registers.Values.Where(r => r.Length > 0).Select(r => r[Rsp]).Order()];
        using FileStream pages = new($"/proc/{ProcessId}/pagemap", FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        long total = 0;
        foreach ((ulong start, ulong end, string permissions, string path) in Maps())
        {
            // With W^X the runtime's own memory is mapped twice, and neither view says so.
            if (permissions[0] != 'r' || (permissions[1] != 'w' && !path.Contains("doublemapper", StringComparison.Ordinal)) || path == "[vvar]")
            {
                continue;
            }

            int stack = Array.BinarySearch(stacks, start);
            stack = stack < 0 ? ~stack : stack;
            IEnumerable<(ulong Start, ulong End)> parts = stack < stacks.Length && stacks[stack] < end
                ? [(Math.Max(start, (stacks[stack] - 128) & ~(PageSize - 1UL)), end)]
                : Used(pages, start, end);
            foreach ((ulong from, ulong to) in parts)
            {
                total += (long)(to - from);
                if (total > MaxBytes)
                {
                    return false;
                }

                byte[] bytes = GC.AllocateUninitializedArray<byte>((int)(to - from));
                int n = ReadLive(from, bytes);
                if (n > 0)
                {
                    _copied[from] = n == bytes.Length ? bytes : bytes[..n];
                }
            }
        }

        return true;
    }

    private static IEnumerable<(ulong Start, ulong End)> Used(FileStream pages, ulong start, ulong end)
    {
        ulong[] states = new ulong[Math.Min(PagesAtOnce, (end - start) / PageSize)];
        ulong? from = null;
        for (ulong at = start; at < end; at += (ulong)states.Length * PageSize)
        {
            int count = (int)Math.Min((ulong)states.Length, (end - at) / PageSize);
            pages.Position = (long)(at / PageSize * sizeof(ulong));
            int known = pages.ReadAtLeast(MemoryMarshal.AsBytes(states.AsSpan(0, count)), count * sizeof(ulong), throwOnEndOfStream: false) / sizeof(ulong);
            for (int i = 0; i < count; i++)
            {
                ulong page = at + ((ulong)i * PageSize);
                if (i >= known || (states[i] & PresentOrSwapped) != 0)
                {
                    from ??= page;
                }
                else if (from is ulong first)
                {
                    yield return (first, page);
                    from = null;
                }
            }
        }

        if (from is ulong last)
        {
            yield return (last, end);
        }
    }

    private IEnumerable<(ulong Start, ulong End, string Permissions, string Path)> Maps()
    {
        foreach (string line in File.ReadLines($"/proc/{ProcessId}/maps"))
        {
            string[] p = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            int dash = p[0].IndexOf('-', StringComparison.Ordinal);
            yield return (
                ulong.Parse(p[0].AsSpan(0, dash), NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                ulong.Parse(p[0].AsSpan(dash + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                p[1],
                p.Length == 6 ? p[5] : "");
        }
    }

    // A module begins where a file is mapped first.
    private void FindModules()
    {
        HashSet<string> seen = [];
        foreach ((ulong start, _, _, string path) in Maps())
        {
            if (path.StartsWith('/') && seen.Add(path) && ModuleInfo.TryCreate(this, start, path) is ModuleInfo module)
            {
                Modules.Add(module);
            }
        }
    }

    // next: where the next copied part begins.
    private int ReadCopied(ulong address, Span<byte> buffer, out ulong next)
    {
        IList<ulong> starts = _copied.Keys;
        int low = 0, high = starts.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (starts[middle] <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        next = low < starts.Count ? starts[low] : ulong.MaxValue;
        if (low == 0)
        {
            return 0;
        }

        byte[] part = _copied.Values[low - 1];
        ulong offset = address - starts[low - 1];
        if (offset >= (ulong)part.Length)
        {
            return 0;
        }

        int n = Math.Min(part.Length - (int)offset, buffer.Length);
        part.AsSpan((int)offset, n).CopyTo(buffer);
        return n;
    }

    private unsafe int ReadLive(ulong address, Span<byte> buffer)
    {
        fixed (byte* first = buffer)
        {
            Part local = new() { Start = (nuint)first, Length = (nuint)buffer.Length }, remote = new() { Start = (nuint)address, Length = (nuint)buffer.Length };
            return (int)Math.Max(0, ProcessVmReadv(ProcessId, &local, 1, &remote, 1, 0));
        }
    }

    private struct Part
    {
        public nuint Start, Length;
    }

    [LibraryImport("libc", EntryPoint = "ptrace", SetLastError = true)]
    private static partial nint PTrace(nint request, int thread, nint address, nint data);

    [LibraryImport("libc", EntryPoint = "waitpid")]
    private static partial int WaitPid(int thread, out int status, int options);

    [LibraryImport("libc", EntryPoint = "process_vm_readv")]
    private static unsafe partial nint ProcessVmReadv(int process, Part* local, nuint locals, Part* remote, nuint remotes, nuint flags);
}
