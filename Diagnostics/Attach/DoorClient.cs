using System.Net.Sockets;
using System.Text;

namespace ILPreempt.Diagnostics.Attach;

/// <summary>
/// The tool's end of the socket that a hosted process listens on (Runtime/native/door.c). It lies in the process's own temporary
/// folder, perhaps in another mount namespace. A command is a line; the answer begins with <c>ok</c> or <c>error</c>.
/// </summary>
public static class DoorClient
{
    private const int TimeoutMs = 10_000;

    /// <summary>Processes of this user, and of containers that can be seen, which have such a socket.</summary>
    public static IReadOnlyList<int> Processes()
    {
        List<int> found = [];
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), out int pid) && PathOf(pid) is not null)
            {
                found.Add(pid);
            }
        }

        found.Sort();
        return found;
    }

    /// <summary>The socket of <paramref name="process"/>; null if it has none that we can see.</summary>
    public static string? PathOf(int process)
    {
        string root = $"/proc/{process}/root";
        string name = $"ilpreempt-{InnerId(process)}-socket";
        string? folder = Variable(process, "TMPDIR");
        string path = Path.Combine(string.IsNullOrEmpty(folder) ? "/tmp" : folder, name);
        return File.Exists(path) ? path : File.Exists(root + path) ? root + path : null;
    }

    /// <summary>Sends one command and returns the answer without its first line.</summary>
    /// <exception cref="AttachException">There is no socket, nobody answers, or the answer is an error.</exception>
    public static string Ask(int process, string command)
    {
        using Socket socket = Connect(process);
        try
        {
            socket.Send(Encoding.UTF8.GetBytes(command + "\n"));
            using MemoryStream answer = new();
            byte[] buffer = new byte[64 * 1024];
            for (int n; (n = socket.Receive(buffer)) > 0;)
            {
                answer.Write(buffer, 0, n);
            }

            string text = Encoding.UTF8.GetString(answer.ToArray());
            int end = text.IndexOf('\n', StringComparison.Ordinal);
            return text.StartsWith("ok\n", StringComparison.Ordinal)
                ? text[3..]
                : throw new AttachException($"process {process}: {(text.StartsWith("error ", StringComparison.Ordinal) ? text[6..end] : "the answer is cut off; the process may have ended")}");
        }
        catch (SocketException e)
        {
            throw new AttachException($"process {process} does not answer: {e.Message}", e);
        }
    }

    /// <summary>A connection to its socket.</summary>
    internal static Socket Connect(int process)
    {
        string path = PathOf(process) ?? throw new AttachException(Directory.Exists($"/proc/{process}")
            ? $"process {process} has no socket of ILPreempt: it is not hosted, or ILPREEMPT_DIAGNOSTICS=0"
            : $"there is no process {process}");
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = TimeoutMs, SendTimeout = TimeoutMs };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new AttachException($"process {process} does not open its socket {path}: {e.Message}", e);
        }
    }

    private static string? Variable(int process, string name)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/environ").Split('\0')
                .FirstOrDefault(v => v.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // In a container the process knows itself by another number.
    private static string InnerId(int process)
    {
        try
        {
            return File.ReadLines($"/proc/{process}/status")
                .FirstOrDefault(l => l.StartsWith("NSpid:", StringComparison.Ordinal))?.Split('\t')[^1] ?? $"{process}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{process}";
        }
    }
}
