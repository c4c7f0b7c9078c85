using Akka.Actor;
using Akka.Configuration;
using Akka.Routing;

// Ping-pong, a ring, a router with workers that fail and are restarted, timers, stashing, and actors on threads of their own.
using ActorSystem system = ActorSystem.Create("corpus", ConfigurationFactory.ParseString("""
    akka { loglevel = OFF, stdout-loglevel = OFF, log-dead-letters = off }
    pinned { type = PinnedDispatcher }
    """));

int code = await Rounds.Run(args, async () =>
{
    IActorRef pong = system.ActorOf(Props.Create(() => new Pong()).WithDispatcher("pinned"));
    int volleys = await system.ActorOf(Props.Create(() => new Ping(pong))).Ask<int>(3000);

    IActorRef next = ActorRefs.Nobody;
    for (int i = 0; i < 300; i++)
    {
        IActorRef after = next;
        next = system.ActorOf(Props.Create(() => new Link(after)));
    }

    int[] laps = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => next.Ask<int>(0)));

    IActorRef router = system.ActorOf(Props.Create(() => new Worker()).WithRouter(new RoundRobinPool(8)
        .WithSupervisorStrategy(new OneForOneStrategy(e => e is ArithmeticException ? Directive.Resume : Directive.Restart))));
    int[] answers = await Task.WhenAll(Enumerable.Range(1, 2000).Select(i => router.Ask<int>(i)));

    IActorRef stash = system.ActorOf(Props.Create(() => new Stashing()));
    for (int i = 0; i < 100; i++)
    {
        stash.Tell(i);
    }

    Task<string> text = stash.Ask<string>("text");
    stash.Tell("open");
    int ticks = await system.ActorOf(Props.Create(() => new Ticking())).Ask<int>(5);
    string said = await text;
    foreach (IActorRef actor in new[] { pong, next, router, stash })
    {
        await actor.GracefulStop(TimeSpan.FromSeconds(30));
    }

    return $"volleys {volleys}\nlaps {laps.Sum()}\nanswers {answers.Sum()}\nstashed {said}\nticks {ticks}";
});
await system.Terminate();
return code;

sealed class Pong : ReceiveActor
{
    public Pong() => ReceiveAny(message => Sender.Tell(message));
}

sealed class Ping : ReceiveActor
{
    private IActorRef _asker;
    private int _left;
    private int _done;

    public Ping(IActorRef pong)
    {
        Receive<int>(count =>
        {
            _asker = Sender;
            _left = count;
            pong.Tell("ball");
        });
        Receive<string>(ball =>
        {
            _done++;
            if (--_left == 0)
            {
                _asker.Tell(_done);
                Context.Stop(Self);
            }
            else
            {
                pong.Tell(ball);
            }
        });
    }
}

sealed class Link : ReceiveActor
{
    public Link(IActorRef next) => Receive<int>(hops =>
    {
        if (next.IsNobody())
        {
            Sender.Tell(hops + 1);
        }
        else
        {
            next.Forward(hops + 1);
        }
    });
}

sealed class Worker : ReceiveActor
{
    public Worker() => Receive<int>(n =>
    {
        int sum = 0;
        for (int i = 1; i <= n; i++)
        {
            sum += n % i == 0 ? i : 0;
        }

        Sender.Tell(sum);
        if (n % 100 == 0)
        {
            throw new InvalidOperationException("restarted");
        }
    });
}

sealed class Stashing : ReceiveActor, IWithUnboundedStash
{
    private int _sum;

    public Stashing()
    {
        Receive<string>(s => s == "open", _ =>
        {
            Become(() =>
            {
                Receive<int>(i => _sum = (_sum * 31) + i);
                Receive<string>(text => Sender.Tell($"{text} {_sum}"));
            });
            Stash.UnstashAll();
        });
        ReceiveAny(_ => Stash.Stash());
    }

    public IStash Stash { get; set; }
}

sealed class Ticking : ReceiveActor, IWithTimers
{
    private int _count;

    public Ticking() => Receive<int>(wanted =>
    {
        IActorRef asker = Sender;
        Timers.StartPeriodicTimer("tick", "tick", TimeSpan.FromMilliseconds(10));
        Become(() => Receive<string>(_ =>
        {
            if (++_count == wanted)
            {
                asker.Tell(_count);
                Context.Stop(Self);
            }
        }));
    });

    public ITimerScheduler Timers { get; set; }
}
