package serve

import (
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"videoqa/internal/native"
)

// heapSlack is how much the heap may grow between two collections once it is large: a
// server's is caches of a few large slices, quickly marked, and would grow to twice
// what they are allowed.
const heapSlack = 32 << 20

// boundHeap keeps Go's heap and C's near what is kept, from now until the process ends.
// An operator's GOGC, MALLOC_ARENA_MAX and GLIBC_TUNABLES go before.
func boundHeap() {
	if os.Getenv("GOGC") == "" {
		afterCollection(func() { debug.SetGCPercent(percentFor(liveHeap())) })
	}
	if os.Getenv("MALLOC_ARENA_MAX") == "" && os.Getenv("GLIBC_TUNABLES") == "" && !native.BoundArenas(max(2, runtime.GOMAXPROCS(0))) {
		slog.Warn("the C allocator does not let its arenas be bounded: more memory will stay resident")
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
