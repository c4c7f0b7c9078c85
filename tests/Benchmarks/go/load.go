package main

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// As Report of TestApps/Load: four rounds to warm up, then the median of nine; operations a second.
func load(kind string) {
	quick := len(os.Args) > 2 && os.Args[2] == "quick"
	size := func(long, short int) int {
		if quick {
			return short
		}
		return long
	}
	var round func() int
	switch kind {
	case "tasks":
		round = func() int { return tasks(size(1000000, 100000)) }
	case "channel":
		round = func() int { return channels(size(3000000, 100000)) }
	case "parallel":
		round = func() int { return parallelFor(size(40000000, 1000000)) }
	case "lock":
		round = func() int { return locks(size(8000000, 100000)) }
	}
	var rates []float64
	for i := 0; i < 13; i++ {
		from := time.Now()
		n := round()
		if i >= 4 {
			rates = append(rates, float64(n)/time.Since(from).Seconds())
		}
	}
	sort.Float64s(rates)
	print("rate", rates[len(rates)/2])
}

func tasks(n int) int {
	const batch = 10000
	var done int64
	for i := 0; i < n; i += batch {
		var left sync.WaitGroup
		left.Add(batch)
		for k := 0; k < batch; k++ {
			go func() { atomic.AddInt64(&done, 1); left.Done() }()
		}
		left.Wait()
	}
	return n
}

func channels(n int) int {
	c := make(chan int, 1000)
	go func() {
		for i := 0; i < n; i++ {
			c <- i
		}
		close(c)
	}()
	sum := 0
	for v := range c {
		sum += v
	}
	return n
}

func parallelFor(n int) int {
	squares := make([]float64, n/10)
	procs := runtime.GOMAXPROCS(0)
	for k := 0; k < 10; k++ {
		var left sync.WaitGroup
		for p := 0; p < procs; p++ {
			left.Add(1)
			go func(from, to int) {
				for i := from; i < to; i++ {
					squares[i] = math.Sqrt(float64(i)) * float64(i)
				}
				left.Done()
			}(len(squares)*p/procs, len(squares)*(p+1)/procs)
		}
		left.Wait()
	}
	return n
}

func locks(n int) int {
	var gate sync.Mutex
	var left sync.WaitGroup
	sum := 0
	for t := 0; t < 4; t++ {
		left.Add(1)
		go func() {
			for i := 0; i < n/4; i++ {
				gate.Lock()
				sum += i
				gate.Unlock()
			}
			left.Done()
		}()
	}
	left.Wait()
	return n
}

func soa(n int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }))
	url := "http://" + listener.Addr().String() + "/"
	get(url)
	var left sync.WaitGroup
	left.Add(n)
	from := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			for k := 0; k < 3; k++ {
				time.Sleep(100 * time.Millisecond)
			}
			get(url)
			left.Done()
		}()
	}
	left.Wait()
	print("ms", time.Since(from).Seconds()*1e3)
}

func get(url string) {
	answer, err := http.Get(url)
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

// The twin of TestApps/HogServer.
func serve() {
	http.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "pong") })
	http.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Hello, World!") })
	http.HandleFunc("/hog/", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/hog/"))
		fmt.Fprint(w, serverHog(n))
	})
	http.HandleFunc("/rate", func(w http.ResponseWriter, _ *http.Request) {
		serverHog(50000)
		from := time.Now()
		serverHog(200000)
		fmt.Fprint(w, int(200000/time.Since(from).Seconds()))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() { <-end; os.Exit(0) }()
	fmt.Println("listening http://" + listener.Addr().String())
	http.Serve(listener, nil)
}

func serverHog(rounds int) uint64 {
	x := uint64(88172645463325252)
	for i := 0; i < rounds; i++ {
		x = mix(x, 500)
	}
	return x
}
