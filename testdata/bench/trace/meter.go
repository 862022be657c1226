package main

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

const period = 40 * time.Millisecond

// A sample is how many cores this process kept busy between two readings, and how
// many of its own nobody used: what is missing to all of them is other processes'.
type sample struct {
	from, to   time.Time
	busy, idle float64
}

// A meter reads processor time, of this process and idle, until it is stopped.
type meter struct {
	cores int
	quit  chan struct{}
	out   chan []sample
}

func startMeter(cores int) meter {
	m := meter{cores, make(chan struct{}), make(chan []sample)}
	go m.read()
	return m
}

func (m meter) read() {
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	var samples []sample
	at, used, unused := time.Now(), processorTime(), idleTime()
	for {
		var over bool
		select {
		case <-ticks.C:
		case <-m.quit:
			over = true
		}
		now, total, idle := time.Now(), processorTime(), idleTime()
		took := now.Sub(at).Seconds()
		busy := (total - used).Seconds() / took
		free := max(0, float64(m.cores)-busy)
		samples = append(samples, sample{at, now, busy, min(free, (idle-unused).Seconds()/took)})
		if at, used, unused = now, total, idle; over {
			m.out <- samples
			return
		}
	}
}

func (m meter) stop() []sample {
	close(m.quit)
	return <-m.out
}

// processorTime is what all threads used, the kernel's share included.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no reason to fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// idleTime is for how long the machine's cores had nothing to run, in steps of 10 ms;
// 0 if the kernel does not say.
func idleTime() (sum time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 6 {
		return 0
	}
	for _, field := range fields[4:6] { // idle, and idle beside what waits for a disk
		n, _ := strconv.Atoi(string(field))
		sum += time.Duration(n) * 10 * time.Millisecond
	}
	return sum
}
