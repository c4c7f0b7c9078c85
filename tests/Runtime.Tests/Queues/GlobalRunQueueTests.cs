using ILPreempt.Runtime.Scheduling;
using Xunit;

namespace ILPreempt.Runtime.Tests.Queues;

public sealed unsafe class GlobalRunQueueTests
{
    private const int Here = 3;
    private const int Elsewhere = 5;

    [Fact]
    public void PopNear_OneSleptHere_IsTakenBeforeThoseThatSleptElsewhere()
    {
        GList list = Of(Elsewhere, Elsewhere, Here, Elsewhere, Here);

        Assert.Equal([3, 5, 1, 2, 4], Take(ref list, 5));
        Assert.Equal(0, list.Count);
    }

    [Fact]
    public void PopNear_NoneSleptHere_TakesTheHead()
    {
        GList list = Of(Elsewhere, Elsewhere);

        Assert.Equal([1, 2], Take(ref list, 2));
    }

    [Fact]
    public void PopNear_NotStarted_IsTakenInItsTurn()
    {
        GList list = default;
        list.PushBack(new G(1, 0, null));
        list.PushBack(new G(2, 0, null));

        Assert.Equal([1, 2], Take(ref list, 2));
    }

    [Fact]
    public void PopNear_WhoIsTakenComesBackAtOnce_EverybodyGetsOneTurnPerRound()
    {
        // One slept here, three elsewhere: what a hog alone on its CPU meets beside three on the other.
        GList list = Of(Here, Elsewhere, Elsewhere, Elsewhere);
        Dictionary<long, int> turns = [];
        for (int i = 0; i < 40; i++)
        {
            G g = list.PopNear(Here, null)!;
            turns[g.Id] = turns.GetValueOrDefault(g.Id) + 1;
            list.PushBack(g);
        }

        Assert.Equal([10, 10, 10, 10], turns.Values);
    }

    [Fact]
    public void PopNear_OthersKeepComing_HeadIsTakenBeforeThem()
    {
        GList list = Of(Elsewhere);
        List<long> taken = [];
        for (int id = 2; id < 20; id++)
        {
            list.PushBack(Slept(id, Here));
            taken.Add(list.PopNear(Here, null)!.Id);
        }

        Assert.Equal(1, taken.IndexOf(1));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void PopNear_ByThoseWhoWereStopped_NobodyRunsTwiceInARow(int goroutines)
    {
        GList list = Of([.. Enumerable.Repeat(Here, goroutines)]);
        G running = list.PopNear(Here, null)!;
        List<long> order = [running.Id];
        for (int i = 1; i < 4 * goroutines; i++)
        {
            list.PushBack(running);
            running = list.PopNear(Here, running.LockedM)!;
            order.Add(running.Id);
        }

        Assert.Equal(Enumerable.Range(0, 4 * goroutines).Select(i => (i % goroutines) + 1L), order);
    }

    [Fact]
    public void PopNear_LastIsTaken_TailGoesOnWhereItWas()
    {
        GList list = Of(Elsewhere, Here);

        Assert.Equal([2], Take(ref list, 1));
        list.PushBack(Slept(3, Elsewhere));
        Assert.Equal([1, 3], Take(ref list, 2));
    }

    private static GList Of(params int[] cpus)
    {
        GList list = default;
        for (int i = 0; i < cpus.Length; i++)
        {
            list.PushBack(Slept(i + 1, cpus[i]));
        }

        return list;
    }

    private static G Slept(int id, int cpu)
    {
        M m = new(id, isForeign: false);
        m.Slot->Cpu = cpu;
        return new G(id, 0, null) { LockedM = m };
    }

    private static long[] Take(ref GList list, int n)
    {
        long[] ids = new long[n];
        for (int i = 0; i < n; i++)
        {
            ids[i] = list.PopNear(Here, null)!.Id;
        }

        return ids;
    }
}
