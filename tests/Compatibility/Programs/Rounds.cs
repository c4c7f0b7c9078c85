using System.Diagnostics;
using System.Globalization;
using System.Text;

/// <summary>
/// How every program here is driven. A round is a second or less of what the library is for, and says what came out as lines of text that are the
/// same each time. Without arguments it is run once and printed, which is what gets compared. With <c>measure SECONDS</c> it is
/// run again and again, has to say the same each time, and the rounds per second are printed.
/// </summary>
internal static class Rounds
{
    public static async Task<int> Run(string[] args, Func<Task<string>> round)
    {
        string first = await round();
        if (args is not ["measure", string seconds])
        {
            Console.WriteLine(first);
            return 0;
        }

        double wanted = double.Parse(seconds, CultureInfo.InvariantCulture);
        await Repeat(wanted / 2);
        Console.WriteLine((await Repeat(wanted)).ToString(CultureInfo.InvariantCulture));
        return 0;

        async Task<double> Repeat(double time)
        {
            Stopwatch clock = Stopwatch.StartNew();
            int rounds = 0;
            do
            {
                string again = await round();
                rounds++;
                if (again != first)
                {
                    throw new InvalidOperationException($"round {rounds} said\n{again}\nthe first said\n{first}");
                }
            }
            while (clock.Elapsed.TotalSeconds < time);
            return rounds / clock.Elapsed.TotalSeconds;
        }
    }

    public static Task<int> Run(string[] args, Func<string> round) => Run(args, () => Task.FromResult(round()));

    /// <summary>A short sum of a long text.</summary>
    public static string Sum(string text) => Sum(Encoding.UTF8.GetBytes(text));

    public static string Sum(byte[] bytes) => $"{bytes.Length} bytes, sha256 {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes))[..16]}";
}
