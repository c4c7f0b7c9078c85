using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// Where the sockets of a live process are bound and connected, by file descriptor: the link in its fd folder names an inode, the
/// kernel's tables of its network namespace the addresses. Read when the first one is asked for.
/// </summary>
internal sealed class SocketAddresses(int process)
{
    private Dictionary<string, (string Local, string? Remote)>? _byInode;

    /// <summary>Null if that is not known: no live process, not a network socket, or not ours to see.</summary>
    public (string Local, string? Remote)? Find(int descriptor)
    {
        const string Start = "socket:[";
        try
        {
            string? link = process == 0 ? null : File.ResolveLinkTarget($"/proc/{process}/fd/{descriptor}", returnFinalTarget: false)?.Name;
            return link?.StartsWith(Start, StringComparison.Ordinal) == true && (_byInode ??= ReadTables()).TryGetValue(link[Start.Length..^1], out var found) ? found : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private Dictionary<string, (string Local, string? Remote)> ReadTables()
    {
        Dictionary<string, (string, string?)> found = [];
        foreach (string table in (ReadOnlySpan<string>)["tcp", "tcp6", "udp", "udp6"])
        {
            string file = $"/proc/{process}/net/{table}";
            foreach (string line in File.Exists(file) ? File.ReadLines(file).Skip(1) : [])
            {
                // Number, local, remote, state, queues, timer, retransmits, user, timeout, inode.
                string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words.Length > 9 && Address(words[1]) is string local)
                {
                    found[words[9]] = (local, words[2].EndsWith(":0000", StringComparison.Ordinal) ? null : Address(words[2]));
                }
            }
        }

        return found;
    }

    // Words of 32 bits in the machine's order, then the port.
    private static string? Address(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon is not (8 or 32))
        {
            return null;
        }

        byte[] bytes = new byte[colon / 2];
        for (int i = 0; i < bytes.Length; i += 4)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i), uint.Parse(text.AsSpan(i * 2, 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }

        IPAddress address = new(bytes);
        return new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, int.Parse(text.AsSpan(colon + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString();
    }
}
