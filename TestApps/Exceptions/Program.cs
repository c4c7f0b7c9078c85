// Exceptions: order of filters, finallys and catches; rethrow; traces with line numbers; failing class constructors.
using System.Runtime.ExceptionServices;

class Program
{
    static int s_depth;

    static int Main()
    {
        Nested();
        Filters();
        Rethrow();
        Loops();
        Aggregate();
        Cctor();
        Deep();
        Captured();
        FinallyReturns();
        Switches();
        Hardware();
        AppDomain.CurrentDomain.FirstChanceException += (_, e) => s_depth++;
        for (int i = 0; i < 100; i++)
        {
            try { throw new ApplicationException(); } catch (ApplicationException) { }
        }
        Console.WriteLine($"first chance {s_depth}");
        return 3;
    }

    static void Nested()
    {
        try
        {
            try
            {
                try { throw new ArgumentException("inner"); }
                finally { Console.WriteLine("finally 1"); }
            }
            catch (ArgumentException e)
            {
                Console.WriteLine($"catch {e.Message}");
                throw new InvalidOperationException("outer", e);
            }
            finally { Console.WriteLine("finally 2"); }
        }
        catch (InvalidOperationException e)
        {
            Console.WriteLine($"catch {e.Message} <- {e.InnerException.Message}");
        }
    }

    static bool Log(string text, bool take)
    {
        for (int i = 0; i < 3; i++)
        {
            Console.WriteLine($"filter {text} {i}");
        }
        return take;
    }

    static void Filters()
    {
        for (int round = 0; round < 3; round++)
        {
            try
            {
                try { throw new IndexOutOfRangeException($"round {round}"); }
                catch (Exception e) when (Log("a " + e.Message, round == 0)) { Console.WriteLine("taken by a"); }
                finally { Console.WriteLine("finally after a"); }
            }
            catch (Exception) when (Log("b", round == 1)) { Console.WriteLine("taken by b"); }
            catch (Exception) when (ThrowInFilter()) { Console.WriteLine("never"); }
            catch (Exception) { Console.WriteLine("taken by the last"); }
        }
    }

    static bool ThrowInFilter() => throw new Exception("a filter that throws counts as false");

    static void Rethrow()
    {
        try
        {
            try { Thrower(3); }
            catch (Exception) { throw; }
        }
        catch (Exception e) { Console.WriteLine(e); }
        try
        {
            try { Thrower(2); }
            catch (Exception e) { throw e; }
        }
        catch (Exception e) { Console.WriteLine(e); }
    }

    static void Thrower(int n)
    {
        while (true)
        {
            if (n == 0)
            {
                throw new FormatException("from Thrower");
            }
            Thrower(n - 1);
        }
    }

    static void Loops()
    {
        int caught = 0, finals = 0;
        for (int i = 0; i < 1000; i++)
        {
            try
            {
                for (int j = 0; ; j++)
                {
                    try
                    {
                        if (j == 3) { break; }
                        if (j == 1) { continue; }
                        if (i % 7 == 0) { throw new TimeoutException(); }
                    }
                    finally { finals++; }
                }
            }
            catch (TimeoutException) { caught++; }
        }
        Console.WriteLine($"loops {caught} {finals}");
    }

    static void Aggregate()
    {
        Task[] tasks = Enumerable.Range(0, 4).Select(i => Task.Run(() => { if (i % 2 == 0) { throw new Exception($"task {i}"); } })).ToArray();
        try { Task.WaitAll(tasks); }
        catch (AggregateException e)
        {
            foreach (string message in e.Flatten().InnerExceptions.Select(x => x.Message).Order())
            {
                Console.WriteLine(message);
            }
        }
    }

    static void Cctor()
    {
        for (int i = 0; i < 2; i++)
        {
            try { Console.WriteLine(Broken.Value); }
            catch (TypeInitializationException e) { Console.WriteLine($"{e.TypeName}: {e.InnerException.Message}"); }
        }
    }

    static void Deep()
    {
        int Down(int n)
        {
            try { return n == 0 ? throw new Exception("bottom") : Down(n - 1) + 1; }
            finally { s_depth++; }
        }
        try { Down(500); }
        catch (Exception e) { Console.WriteLine($"{e.Message} {s_depth} {e.StackTrace.Split('\n').Length}"); }
        s_depth = 0;
    }

    static void Captured()
    {
        ExceptionDispatchInfo info = null;
        try { Thrower(1); }
        catch (Exception e) { info = ExceptionDispatchInfo.Capture(e); }
        try { info.Throw(); }
        catch (Exception e) { Console.WriteLine(e.StackTrace); }
    }

    static int Early()
    {
        try { return 1; }
        finally { Console.WriteLine("finally before return"); }
    }

    static void FinallyReturns() => Console.WriteLine(Early());

    static void Switches()
    {
        string text = "";
        for (int i = 0; i < 12; i++)
        {
            try
            {
                switch (i)
                {
                    case 0: text += "zero "; continue;
                    case 1: case 2: text += "few "; break;
                    case 5: throw new Exception("five ");
                    case 9: goto case 0;
                    default: text += i + " "; break;
                }
                text += ".";
            }
            catch (Exception e) { text += e.Message; }
        }
        Console.WriteLine(text);
    }

    static void Hardware()
    {
        int zero = s_depth;
        foreach (Func<object> f in new Func<object>[] { () => 1 / zero, () => ((string)null).Length, () => (new int[zero])[3], () => (string)(object)zero, () => { int max = int.MaxValue - zero; return checked(max + 1); }, () => new int[-1 + zero] })
        {
            try { f(); }
            catch (Exception e) { Console.WriteLine($"{e.GetType().Name}: {e.Message}"); }
        }
    }
}

static class Broken
{
    public static readonly int Value = Compute();
    static int Compute()
    {
        int sum = 0;
        for (int i = 0; i < 100; i++) { sum += i; }
        throw new NotSupportedException($"sum was {sum}");
    }
}
