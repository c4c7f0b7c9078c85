using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// Writes a snapshot as an ELF core file. Only pages that were ever used are in it: each goroutine reserves 256 MB of stack, of which
/// it uses some kilobytes. Threads that a signal has parked, or that saved their registers for the snapshot, are in it where they
/// were in managed code. x64 only.
/// </summary>
internal static class CoreWriter
{
    private const int PageSize = 4096;
    private const int PagesAtOnce = 65536;
    private const int BytesAtOnce = 4 << 20;
    private const ulong PresentOrSwapped = 3UL << 62;

    private readonly record struct Segment(ulong Start, ulong End, uint Flags);

    private readonly record struct Mapping(ulong Start, ulong End, string Permissions, ulong Offset, string Path)
    {
        public bool IsFile => Path.StartsWith('/');

        // Pages of shared memory and of files are not marked as used in a forked copy.
        public bool MayBeSparse => !IsFile && Permissions[3] == 'p';
    }

    /// <summary>Writes <paramref name="snapshot"/>, with the registers that <paramref name="registers"/> knows.</summary>
    /// <exception cref="PlatformNotSupportedException">This is not x64.</exception>
    public static void Write(SnapshotReader snapshot, SavedRegisters registers, Stream file)
    {
        if (snapshot.Architecture != Architecture.X64)
        {
            throw new PlatformNotSupportedException("core files are written on x64 only");
        }

        List<Mapping> mappings = [.. snapshot.Maps.Split('\n').Select(Parse).OfType<Mapping>()];
        List<Segment> segments = [.. mappings.Where(m => m.Permissions[0] == 'r').SelectMany(m => Used(snapshot, m))];
        byte[] notes = Notes(snapshot, registers, mappings);
        WriteHeaders(file, segments, notes);
        file.Write(notes);
        Pad(file);
        foreach (Segment segment in segments)
        {
            Copy(snapshot, segment, file);
        }
    }

    private static Mapping? Parse(string line)
    {
        string[] p = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (p.Length < 5 || p[^1] == "[vsyscall]")
        {
            return null;
        }

        string[] range = p[0].Split('-');
        return new Mapping(Hex(range[0]), Hex(range[1]), p[1], Hex(p[2]), p.Length == 6 ? p[5] : "");
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static IEnumerable<Segment> Used(SnapshotReader snapshot, Mapping m)
    {
        uint flags = 4u | (m.Permissions[1] == 'w' ? 2u : 0) | (m.Permissions[2] == 'x' ? 1u : 0);
        if (!m.MayBeSparse)
        {
            yield return new Segment(m.Start, m.End, flags);
            yield break;
        }

        ulong? from = null;
        for (ulong at = m.Start; at < m.End; at += (ulong)PagesAtOnce * PageSize)
        {
            int count = (int)Math.Min(PagesAtOnce, (m.End - at) / PageSize);
            ulong[] states = snapshot.PageStates(at, count);
            for (int i = 0; i < count; i++)
            {
                bool used = i >= states.Length || (states[i] & PresentOrSwapped) != 0;
                ulong page = at + ((ulong)i * PageSize);
                if (used)
                {
                    from ??= page;
                }
                else if (from is ulong start)
                {
                    yield return new Segment(start, page, flags);
                    from = null;
                }
            }
        }

        if (from is ulong last)
        {
            yield return new Segment(last, m.End, flags);
        }
    }

    private static void WriteHeaders(Stream file, List<Segment> segments, byte[] notes)
    {
        // More segments than 16 bits count are announced in a section header, as the kernel does.
        const int ElfHeader = 64, ProgramHeader = 56, SectionHeader = 64, TooMany = 0xFFFF;
        int count = segments.Count + 1;
        bool many = count >= TooMany;
        using BinaryWriter w = new(file, Encoding.ASCII, leaveOpen: true);
        w.Write([0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        w.Write((ushort)4);
        w.Write((ushort)62);
        w.Write(1);
        w.Write(0L);
        w.Write((long)ElfHeader);
        w.Write(many ? (long)ElfHeader + ((long)count * ProgramHeader) : 0L);
        w.Write(0);
        w.Write((ushort)ElfHeader);
        w.Write((ushort)ProgramHeader);
        w.Write((ushort)(many ? TooMany : count));
        w.Write((ushort)SectionHeader);
        w.Write((ushort)(many ? 1 : 0));
        w.Write((ushort)0);

        long offset = ElfHeader + ((long)count * ProgramHeader) + (many ? SectionHeader : 0);
        WriteProgramHeader(w, 4, 0, offset, 0, (ulong)notes.Length, 0, 4);
        offset = Align(offset + notes.Length);
        foreach (Segment s in segments)
        {
            WriteProgramHeader(w, 1, s.Flags, offset, s.Start, s.End - s.Start, s.End - s.Start, PageSize);
            offset += (long)(s.End - s.Start);
        }

        if (many)
        {
            w.Write(new byte[44]);
            w.Write(count);
            w.Write(new byte[16]);
        }
    }

    private static void WriteProgramHeader(BinaryWriter w, uint type, uint flags, long offset, ulong address, ulong inFile, ulong inMemory, ulong align)
    {
        w.Write(type);
        w.Write(flags);
        w.Write(offset);
        w.Write(address);
        w.Write(0UL);
        w.Write(inFile);
        w.Write(inMemory);
        w.Write(align);
    }

    private static void Copy(SnapshotReader snapshot, Segment segment, Stream file)
    {
        for (ulong at = segment.Start; at < segment.End;)
        {
            int want = (int)Math.Min(BytesAtOnce, segment.End - at);
            byte[] bytes = snapshot.ReadOnce(at, want);
            file.Write(bytes);

            // A file shorter than its mapping, or a page that can't be read: zeros, so that the next ones are in their place.
            int hole = bytes.Length == want ? 0 : Math.Min(want - bytes.Length, PageSize);
            file.Write(new byte[hole]);
            at += (ulong)(bytes.Length + hole);
        }
    }

    private static byte[] Notes(SnapshotReader snapshot, SavedRegisters registers, List<Mapping> mappings)
    {
        const int PrStatus = 1, Auxv = 6, File = 0x46494C45;
        using MemoryStream stream = new();
        using BinaryWriter w = new(stream);
        foreach (uint thread in snapshot.Threads.Order())
        {
            WriteNote(w, PrStatus, Status(registers, thread));
        }

        WriteNote(w, Auxv, snapshot.AuxiliaryVector());
        WriteNote(w, File, Files(mappings));
        return stream.ToArray();
    }

    private static void WriteNote(BinaryWriter w, int type, byte[] content)
    {
        w.Write(5);
        w.Write(content.Length);
        w.Write(type);
        w.Write("CORE\0\0\0\0"u8);
        w.Write(content);
        w.Write(new byte[-content.Length & 3]);
    }

    // struct elf_prstatus: the thread's id at 32, its registers (struct user_regs_struct) at 112.
    private static byte[] Status(SavedRegisters registers, uint thread)
    {
        const int Size = 336, Pid = 32, Registers = 112;

        // Where each register of user_regs_struct (r15 to ss) is in a CONTEXT; 0 for those that nobody needs.
        ReadOnlySpan<int> context = [0xF0, 0xE8, 0xE0, 0xD8, 0xA0, 0x90, 0xD0, 0xC8, 0xC0, 0xB8, 0x78, 0x80, 0x88, 0xA8, 0xB0, 0, 0xF8, 0, 0, 0x98];
        byte[] status = new byte[Size];
        byte[] values = new byte[1232];
        BitConverter.TryWriteBytes(status.AsSpan(Pid), thread);
        registers.GetThreadContext(thread, 0x10000B, values);
        for (int i = 0; i < context.Length; i++)
        {
            if (context[i] != 0)
            {
                values.AsSpan(context[i], sizeof(ulong)).CopyTo(status.AsSpan(Registers + (i * sizeof(ulong))));
            }
        }

        return status;
    }

    // Count, page size, then start, end and page offset of each, then the names.
    private static byte[] Files(List<Mapping> mappings)
    {
        List<Mapping> files = [.. mappings.Where(m => m.IsFile)];
        using MemoryStream stream = new();
        using BinaryWriter w = new(stream);
        w.Write((long)files.Count);
        w.Write((long)PageSize);
        foreach (Mapping m in files)
        {
            w.Write(m.Start);
            w.Write(m.End);
            w.Write(m.Offset / PageSize);
        }

        foreach (Mapping m in files)
        {
            w.Write(Encoding.UTF8.GetBytes(m.Path + '\0'));
        }

        return stream.ToArray();
    }

    private static long Align(long value) => (value + PageSize - 1) & -PageSize;

    private static void Pad(Stream file) => file.Write(new byte[Align(file.Position) - file.Position]);
}
