using ILPreempt.Build;

return args is [string file] ? BuildRun.Start(file) : BuildRun.Usage();
