package main

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

var stop int32

// Rounds of 1000 steps until told to stop.
func hog(rounds *int64) {
	x := uint64(88172645463325252)
	for atomic.LoadInt32(&stop) == 0 {
		x = mix(x, 1000)
		atomic.AddInt64(rounds, 1)
	}
	sink.Add(int64(x)) // or the compiler leaves the steps out
}

func mix(x uint64, n int) uint64 {
	for i := 0; i < n; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// Two goroutines on one P: how much later than 10 ms after its start each turn was followed by the other's.
var sink atomic.Int64

func preempt(ms int) {
	var last int32 = -1
	var turn time.Time
	var late []float64
	var left sync.WaitGroup
	left.Add(2)
	begin := time.Now()
	for i := 0; i < 2; i++ {
		go func(me int32) {
			x := int64(me)
			for time.Since(begin) < time.Duration(ms)*time.Millisecond {
				for n := 0; n < 1000; n++ {
					x = x*6364136223846793005 + 1
				}
				if last != me {
					now := time.Now()
					if last >= 0 {
						late = append(late, float64((now.Sub(turn)-10*time.Millisecond).Nanoseconds())/1e3)
					}
					turn, last = now, me
				}
			}
			sink.Add(x)
			left.Done()
		}(int32(i))
	}
	left.Wait()
	late = late[1 : len(late)-1]
	print("p50", percentile(late, 0.5))
	print("p99", percentile(late, 0.99))
	print("max", percentile(late, 1))
}

func wakeup(hogs, ms int) {
	var rounds int64
	for i := 0; i < hogs; i++ {
		go hog(&rounds)
	}
	time.Sleep(100 * time.Millisecond)
	var late []float64
	begin := time.Now()
	for time.Since(begin) < time.Duration(ms)*time.Millisecond {
		from := time.Now()
		time.Sleep(time.Millisecond)
		late = append(late, float64((time.Since(from)-time.Millisecond).Nanoseconds())/1e6)
	}
	atomic.StoreInt32(&stop, 1)
	print("p50", percentile(late, 0.5))
	print("p99", percentile(late, 0.99))
}

func fairness(hogs, ms int) {
	rounds := make([][16]int64, hogs)
	var left sync.WaitGroup
	left.Add(hogs)
	for i := range rounds {
		go func(r *int64) { hog(r); left.Done() }(&rounds[i][0])
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	atomic.StoreInt32(&stop, 1)
	left.Wait()
	least, most := rounds[0][0], rounds[0][0]
	for _, r := range rounds {
		if r[0] < least {
			least = r[0]
		}
		if r[0] > most {
			most = r[0]
		}
	}
	print("spread", float64(most)/float64(least))
}

// The same rounds by several goroutines at once, millions of steps a second.
func work(hogs, ms int) {
	rounds := make([][16]int64, hogs)
	var left sync.WaitGroup
	left.Add(hogs)
	from := time.Now()
	for i := range rounds {
		go func(r *int64) { hog(r); left.Done() }(&rounds[i][0])
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	atomic.StoreInt32(&stop, 1)
	left.Wait()
	sum := int64(0)
	for _, r := range rounds {
		sum += r[0]
	}
	print("rate", float64(sum)*1e3/1e6/time.Since(from).Seconds())
}

func gcpause(hogs, times int) {
	var rounds int64
	for i := 0; i < hogs; i++ {
		go hog(&rounds)
	}
	time.Sleep(50 * time.Millisecond)
	var pauses []float64
	for i, begin := 0, time.Now(); i < times && time.Since(begin) < 3*time.Second; i++ {
		var stats debug.GCStats
		runtime.GC()
		debug.ReadGCStats(&stats)
		pauses = append(pauses, float64(stats.Pause[0].Nanoseconds())/1e3)
	}
	atomic.StoreInt32(&stop, 1)
	print("us", percentile(pauses, 0.5))
}
