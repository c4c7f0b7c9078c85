// The Go column of the table: the same questions as TestApps/Measures, TestApps/Load and TestApps/HogServer, asked of Go's own scheduler. The first
// argument names the question; answers are lines of a key and a number.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	switch os.Args[1] {
	case "hello":
		fmt.Println("Hello")
	case "create":
		create(number(2))
	case "million":
		million(number(2))
	case "yield":
		yield(number(2))
	case "pingpong":
		pingpong(number(2))
	case "parked":
		parked(number(2))
	case "preempt":
		preempt(number(2))
	case "wakeup":
		wakeup(number(2), number(3))
	case "fairness":
		fairness(number(2), number(3))
	case "work":
		work(number(2), number(3))
	case "gcpause":
		gcpause(number(2), number(3))
	case "tasks", "channel", "parallel", "lock":
		load(os.Args[1])
	case "soa":
		soa(number(2))
	case "server":
		serve()
	}
}

func number(i int) int {
	n, err := strconv.Atoi(os.Args[i])
	if err != nil {
		panic(err)
	}
	return n
}

func print(key string, value float64) { fmt.Println(key, strconv.FormatFloat(value, 'f', 4, 64)) }

func percentile(v []float64, share float64) float64 {
	sort.Float64s(v)
	i := int(float64(len(v)) * share)
	if i >= len(v) {
		i = len(v) - 1
	}
	return v[i]
}

// A value of /proc/self/status in kB.
func status(name string) float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, name+":") {
			v, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			return v
		}
	}
	return 0
}

func perOp(n int, from time.Time) float64 {
	return float64(time.Since(from).Nanoseconds()) / float64(n)
}

func create(n int) {
	const batch = 10000
	round := func() {
		for i := 0; i < n; i += batch {
			var left sync.WaitGroup
			left.Add(batch)
			for k := 0; k < batch; k++ {
				go left.Done()
			}
			left.Wait()
		}
	}
	round()
	from := time.Now()
	round()
	print("ns", perOp(n, from))
}

func million(n int) {
	var left sync.WaitGroup
	left.Add(n)
	from := time.Now()
	for i := 0; i < n; i++ {
		go left.Done()
	}
	left.Wait()
	print("ms", time.Since(from).Seconds()*1e3)
	print("peakMB", status("VmHWM")/1024)
}

// Two goroutines; the caller has set GOMAXPROCS=1.
func yield(n int) {
	round := func() {
		var left sync.WaitGroup
		left.Add(2)
		for i := 0; i < 2; i++ {
			go func() {
				for k := 0; k < n/2; k++ {
					runtime.Gosched()
				}
				left.Done()
			}()
		}
		left.Wait()
	}
	round()
	from := time.Now()
	round()
	print("ns", perOp(n, from))
}

// A round trip over two channels without a buffer.
func pingpong(n int) {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
	}()
	round := func() {
		for i := 0; i < n; i++ {
			there <- i
			<-back
		}
	}
	round()
	from := time.Now()
	round()
	print("ns", perOp(n, from))
}

func parked(n int) {
	before := status("VmRSS")
	stop := make(chan int)
	var started, ended sync.WaitGroup
	started.Add(n)
	ended.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			started.Done()
			<-stop
			ended.Done()
		}()
	}
	started.Wait()
	time.Sleep(100 * time.Millisecond)
	print("kB", (status("VmRSS")-before)/float64(n))
	close(stop)
	ended.Wait()
}
