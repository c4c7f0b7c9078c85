public static class Program
{
    public static void Main()
    {
#if NET
        System.Console.WriteLine("goroutine " + ILPreempt.Runtime.Goroutine.CurrentId);
#endif
    }
}
