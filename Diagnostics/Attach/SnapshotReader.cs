using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Diagnostics.Runtime;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// Reads the memory of a process's forked copy over its socket (Runtime/native/snapshot.c). The copy never changes, so what was read
/// once is kept, 64 KB at a time: the debugging library reads the same pages again and again, a few bytes each.
/// </summary>
internal sealed class SnapshotReader : LinuxReader, IDisposable
{
    private const int BlockSize = 64 * 1024;
    private const int TimeoutMs = 10_000;
    private const uint ReadRequest = 'R', UsedRequest = 'P', MapsRequest = 'M', AuxvRequest = 'A', PlacesRequest = 'T';

    private readonly Socket _socket;
    private readonly Dictionary<ulong, byte[]> _blocks = [];
    private readonly Dictionary<uint, (ulong Sp, ulong Pc)> _places = [];

    private SnapshotReader(Socket socket, int process)
        : base(process) => _socket = socket;

    public override string DisplayName => $"snapshot of process {ProcessId}";

    /// <summary>How long the process stood still.</summary>
    public TimeSpan Paused { get; private set; }

    /// <summary>Asks <paramref name="process"/> for a copy.</summary>
    /// <exception cref="AttachException">It has no socket, or can't fork.</exception>
    public static SnapshotReader Open(int process)
    {
        Socket socket = DoorClient.Connect(process);
        SnapshotReader reader = new(socket, process);
        try
        {
            socket.ReceiveTimeout = socket.SendTimeout = TimeoutMs;
            socket.Send("snapshot\n"u8);
            byte[] line = new byte[256];
            int n = 0;
            while (n < line.Length && socket.Receive(line, n, 1, SocketFlags.None) == 1 && line[n] != '\n')
            {
                n++;
            }

            string answer = Encoding.UTF8.GetString(line, 0, n);
            if (answer != "ok")
            {
                throw new AttachException($"process {process} gives no snapshot: {(answer.StartsWith("error ", StringComparison.Ordinal) ? answer[6..] : "it may have ended")}");
            }

            reader.ReadPlaces();
            reader.ReadMaps();
            return reader;
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (e is SocketException or EndOfStreamException)
            {
                throw new AttachException($"process {process} gives no snapshot: {e.Message}", e);
            }

            throw;
        }
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Its memory map, as the kernel prints it.</summary>
    public string Maps { get; private set; } = "";

    /// <summary>Its threads.</summary>
    public IReadOnlyCollection<uint> Threads => _places.Keys;

    /// <summary>What the kernel told it when it started.</summary>
    public byte[] AuxiliaryVector() => Request(AuxvRequest, 0, 0);

    /// <summary>For each page from <paramref name="address"/> on whether it was ever used. Not cached, nor are the bytes.</summary>
    public ulong[] PageStates(ulong address, int pages) => MemoryMarshal.Cast<byte, ulong>(Request(UsedRequest, address, pages)).ToArray();

    /// <summary>As Read, for large parts that are read once.</summary>
    public byte[] ReadOnce(ulong address, int length) => Request(ReadRequest, address, length);

    public override int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            ulong at = address + (uint)done;
            byte[] block = Block(at & ~(BlockSize - 1UL));
            int offset = (int)(at & (BlockSize - 1));
            int n = Math.Min(block.Length - offset, buffer.Length - done);
            if (n <= 0)
            {
                break;
            }

            block.AsSpan(offset, n).CopyTo(buffer[done..]);
            done += n;
            if (block.Length < BlockSize)
            {
                // The block ends where memory is not mapped; a later part of it may be.
                done += done < buffer.Length ? ReadUncached(address + (uint)done, buffer[done..]) : 0;
                break;
            }
        }

        return done > 0 ? done : ReadUncached(address, buffer);
    }

    /// <summary>Where the thread entered the kernel; SavedRegisters knows more of those that run managed code.</summary>
    public override bool GetThreadContext(uint threadID, uint contextFlags, Span<byte> context)
    {
        const int Flags = 0x30, Rsp = 0x98, Rip = 0xF8;
        const uint ControlAndIntegers = 0x100003;
        context.Clear();
        if (Architecture != Architecture.X64 || context.Length < Rip + sizeof(ulong) || !_places.TryGetValue(threadID, out (ulong Sp, ulong Pc) place))
        {
            return false;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(context[Flags..], ControlAndIntegers);
        BinaryPrimitives.WriteUInt64LittleEndian(context[Rsp..], place.Sp);
        BinaryPrimitives.WriteUInt64LittleEndian(context[Rip..], place.Pc);
        return true;
    }

    private byte[] Block(ulong address)
    {
        if (!_blocks.TryGetValue(address, out byte[]? block))
        {
            _blocks[address] = block = Request(ReadRequest, address, BlockSize);
        }

        return block;
    }

    private int ReadUncached(ulong address, Span<byte> buffer)
    {
        byte[] bytes = Request(ReadRequest, address, buffer.Length);
        bytes.CopyTo(buffer);
        return bytes.Length;
    }

    private byte[] Request(uint kind, ulong address, int length)
    {
        Span<byte> request = stackalloc byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(request, kind);
        BinaryPrimitives.WriteUInt32LittleEndian(request[4..], (uint)length);
        BinaryPrimitives.WriteUInt64LittleEndian(request[8..], address);
        _socket.Send(request);
        byte[] size = Receive(sizeof(uint));
        return Receive(BinaryPrimitives.ReadInt32LittleEndian(size));
    }

    private byte[] Receive(int length)
    {
        byte[] bytes = new byte[length];
        for (int have = 0; have < length;)
        {
            int n = _socket.Receive(bytes, have, length - have, SocketFlags.None);
            have += n > 0 ? n : throw new EndOfStreamException("the process's copy has gone");
        }

        return bytes;
    }

    // struct places: count, captured, ns of pause; then (tid, state, sp, pc) each.
    private void ReadPlaces()
    {
        const int Head = 16, Entry = 24;
        byte[] bytes = Request(PlacesRequest, 0, 0);
        Paused = TimeSpan.FromMicroseconds(BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8)) / 1000.0);
        for (int at = Head; at + Entry <= bytes.Length; at += Entry)
        {
            ReadOnlySpan<byte> entry = bytes.AsSpan(at, Entry);
            _places[BinaryPrimitives.ReadUInt32LittleEndian(entry)] =
                (BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]), BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]));
        }
    }

    // A module begins where a file is mapped from its first byte.
    private void ReadMaps()
    {
        Maps = Encoding.UTF8.GetString(Request(MapsRequest, 0, 0));
        HashSet<string> seen = [];
        foreach (string line in Maps.Split('\n'))
        {
            string[] parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length < 6 || parts[2] != "00000000" || !parts[5].StartsWith('/') || !seen.Add(parts[5]))
            {
                continue;
            }

            ulong start = ulong.Parse(parts[0].AsSpan(0, parts[0].IndexOf('-', StringComparison.Ordinal)), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (ModuleInfo.TryCreate(this, start, parts[5]) is ModuleInfo module)
            {
                Modules.Add(module);
            }
        }
    }
}
