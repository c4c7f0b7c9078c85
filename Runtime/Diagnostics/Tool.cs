using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using ILPreempt.Runtime.Loading;
using ILPreempt.Runtime.Platform;

namespace ILPreempt.Runtime.Diagnostics;

/// <summary>
/// The process runs the tool on itself: names and lines of addresses are what only the debugging library can read, and it is not to be
/// loaded into the program. There only in hosted processes. By the native helper and not by Process: the program must not see a
/// child, nor assemblies that it did not load.
/// </summary>
internal static unsafe class Tool
{
    private const int MaxText = 64 * 1024;

    /// <summary>The tool's command line for this process; null if there is no tool.</summary>
    internal static string[]? CommandLine(string command, params ReadOnlySpan<string> arguments) =>
        Launch.IsHosted && Environment.ProcessPath is string dotnet && NativeHelper.TryLoad() == null
            ? [dotnet, Path.Combine(Launch.HostFolder, "ilpreempt.dll"), command, Environment.ProcessId.ToString(CultureInfo.InvariantCulture), .. arguments]
            : null;

    /// <summary>Runs it and returns what it printed; null if it could not. The calling thread waits.</summary>
    internal static string? Ask(string[] line, int seconds)
    {
        byte[] text = new byte[MaxText];
        fixed (byte* first = text)
        {
            int length = Run(line, first, seconds);
            return length < 0 ? null : Encoding.UTF8.GetString(text, 0, length);
        }
    }

    /// <summary>Runs it; it prints on standard error.</summary>
    internal static void Print(string[] line, int seconds) => _ = Run(line, null, seconds);

    private static int Run(string[] line, byte* text, int seconds)
    {
        byte** program = Strings(line);
        var run = (delegate* unmanaged<byte**, byte*, int, int, int>)NativeHelper.Export("ilp_run_tool");
        int length = run(program, text, text == null ? 0 : MaxText, seconds);
        for (int i = 0; program[i] != null; i++)
        {
            NativeMemory.Free(program[i]);
        }

        NativeMemory.Free(program);
        return length;
    }

    /// <summary>A list of strings as C has it, in memory of its own.</summary>
    internal static byte** Strings(string[] texts)
    {
        byte** all = (byte**)NativeMemory.AllocZeroed((nuint)texts.Length + 1, (nuint)sizeof(byte*));
        for (int i = 0; i < texts.Length; i++)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(texts[i] + '\0');
            all[i] = (byte*)NativeMemory.Alloc((nuint)bytes.Length);
            bytes.CopyTo(new Span<byte>(all[i], bytes.Length));
        }

        return all;
    }
}
