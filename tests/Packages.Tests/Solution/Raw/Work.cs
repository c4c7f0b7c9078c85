namespace Raw;

public static class Work
{
    public static volatile bool Stop;

    public static long Spin()
    {
        long n = 0;
        while (!Stop)
        {
            n++;
        }

        return n;
    }

    public static void Fail() => throw new System.InvalidOperationException("fail");
}
