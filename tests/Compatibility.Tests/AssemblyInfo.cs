using Xunit;

// Every test is a handful of busy child processes; side by side they would only make each other's deadlines meaningless.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
