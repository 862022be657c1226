package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapSlack is how much the heap may grow between two collections once it is large: a
// server's is caches of a few large slices, quickly marked, and would grow to twice
// what they are allowed.
const heapSlack = 32 << 20

// boundHeap keeps the heap near what is kept, from now until the process ends. An
// operator's GOGC goes before.
func boundHeap() {
	if os.Getenv("GOGC") == "" {
		afterCollection(func() { debug.SetGCPercent(percentFor(liveHeap())) })
	}
}

// afterCollection calls do after each collection.
func afterCollection(do func()) {
	sentinel := new([64]byte) // nothing keeps it, so that the next collection finds it
	runtime.AddCleanup(sentinel, func(int) {
		do()
		afterCollection(do)
	}, 0)
}

// percentFor is the growth that heapSlack is of so many live bytes, and no more than
// Go's own 100.
func percentFor(live uint64) int {
	return int(min(100, max(5, 100*heapSlack/max(live, 1))))
}

func liveHeap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
