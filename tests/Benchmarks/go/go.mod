module ilpreempt/benchmarks

go 1.19
