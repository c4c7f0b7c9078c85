using System.Collections.Concurrent;
using Quartz;
using Quartz.Impl;

// A scheduler with a thread of its own, timers, listeners, misfires and jobs that fail.
int generation = 0;
return await Rounds.Run(args, async () =>
{
    IScheduler scheduler = await SchedulerBuilder.Create($"corpus-{generation++}", $"corpus-{generation}").UseDefaultThreadPool(p => p.MaxConcurrency = 5).BuildScheduler();
    Counts counts = new();
    scheduler.Context.Put("counts", counts);
    List<Task> ended = [];
    for (int i = 0; i < 10; i++)
    {
        IJobDetail job = JobBuilder.Create<Counting>().WithIdentity($"job{i}", "group").UsingJobData("weight", i).Build();
        ITrigger trigger = TriggerBuilder.Create().StartNow().WithSimpleSchedule(s => s.WithInterval(TimeSpan.FromMilliseconds(5)).WithRepeatCount(9).WithMisfireHandlingInstructionIgnoreMisfires()).Build();
        await scheduler.ScheduleJob(job, trigger);
    }

    await scheduler.Start();
    await counts.All.Task.WaitAsync(TimeSpan.FromSeconds(60));
    DateTimeOffset? next = new CronExpression("0 15 10 ? * MON-FRI") { TimeZone = TimeZoneInfo.Utc }.GetNextValidTimeAfter(new DateTimeOffset(2024, 2, 29, 12, 0, 0, TimeSpan.Zero));
    await scheduler.Shutdown(waitForJobsToComplete: true);
    return $"{string.Join(' ', counts.PerJob.OrderBy(p => p.Key).Select(p => $"{p.Key}={p.Value}"))}\ncron {next:u}";
});

internal sealed class Counts
{
    private int _total;

    public ConcurrentDictionary<string, int> PerJob { get; } = new();

    public TaskCompletionSource All { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Add(string job, int weight)
    {
        PerJob.AddOrUpdate(job, weight, (_, sum) => sum + weight);
        if (Interlocked.Increment(ref _total) == 100)
        {
            All.SetResult();
        }
    }
}

[DisallowConcurrentExecution]
internal sealed class Counting : IJob
{
    public Task Execute(IJobExecutionContext context)
    {
        ((Counts)context.Scheduler.Context["counts"]).Add(context.JobDetail.Key.Name, context.MergedJobDataMap.GetInt("weight"));
        return Task.CompletedTask;
    }
}
