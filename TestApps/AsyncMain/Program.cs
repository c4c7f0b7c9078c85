// Task<int> Main: the entry point is the compiler's wrapper, which blocks on the task.
class Program
{
    static async Task<int> Main(string[] args)
    {
        Console.WriteLine($"start, {args.Length} args");
        int sum = 0;
        for (int i = 0; i < 5; i++)
        {
            await Task.Delay(1);
            sum += await Square(i);
        }
        await foreach (string line in Lines())
        {
            Console.WriteLine(line);
        }
        try
        {
            await Fail();
        }
        catch (InvalidOperationException e)
        {
            Console.WriteLine($"caught {e.Message}");
        }
        if (args.Length > 0 && args[0] == "throw")
        {
            await Fail();
        }
        Console.WriteLine($"sum {sum}");
        return sum;
    }

    static async Task<int> Square(int x)
    {
        await Task.Yield();
        return x * x;
    }

    static async IAsyncEnumerable<string> Lines()
    {
        for (int i = 0; i < 3; i++)
        {
            await Task.Yield();
            yield return $"line {i}";
        }
    }

    static async Task Fail()
    {
        await Task.Delay(1);
        throw new InvalidOperationException("wanted failure");
    }
}
