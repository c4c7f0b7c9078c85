using System;
static class P
{
    static int Count(__arglist)
    {
        ArgIterator i = new(__arglist);
        return i.GetRemainingCount();
    }

    static void Main() => Console.WriteLine(Count(__arglist(1, 2)));
}
