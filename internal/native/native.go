// Package native counts what the C side holds, because the collector cannot.
//
//	d.leak = native.Track(d, "decoder", 1) // when d is opened
//	native.Untrack(d.leak, 1)              // when d is closed
//	s := native.Read()                     // s.Handles live, s.Leaked lost, s.HeapBytes in use
//
// Handles are contexts, sessions and the like that Go code opened and has not
// closed; they are exact. HeapBytes is what the C library's allocator has handed
// out to anyone in the process, FFmpeg and ONNX Runtime included, and what it
// keeps back for its threads: only without such caches (glibc.malloc.tcache_count=0
// and arena_max=1 in GLIBC_TUNABLES) is it exact. A handle that the
// collector finds unreachable is reported and counted as leaked, never freed:
// its opener closes it.
package native

/*
#include <malloc.h>
static unsigned long long videoqa_heap(void) {
	struct mallinfo2 m = mallinfo2();
	return (unsigned long long)m.uordblks + (unsigned long long)m.hblkhd;
}
static int videoqa_arenas(int most) { return mallopt(M_ARENA_MAX, most); }
*/
import "C"

import (
	"log/slog"
	"runtime"
	"sync/atomic"
)

// The counters are the process's, as the C heap is.
var live, leaked atomic.Int64

// Stats is the C side at one moment.
type Stats struct {
	Handles   int64  // opened and not closed
	Leaked    int64  // found unreachable without having been closed
	HeapBytes uint64 // handed out by the C allocator
}

// Read returns the present counts.
func Read() Stats {
	return Stats{Handles: live.Load(), Leaked: leaked.Load(), HeapBytes: uint64(C.videoqa_heap())}
}

// BoundArenas has the C allocator keep no more than that many arenas from now on, and
// reports whether it will. By itself it has eight for each core, and what one thread
// freed in one of them no thread of another can use.
func BoundArenas(most int) bool { return C.videoqa_arenas(C.int(most)) == 1 }

// Track counts n handles that owner holds, until [Untrack]. If owner becomes
// unreachable first, what and the number are logged and counted as leaked.
func Track[T any](owner *T, what string, n int64) runtime.Cleanup {
	live.Add(n)
	return runtime.AddCleanup(owner, func(n int64) {
		leaked.Add(n)
		slog.Error("native: lost without being closed", "what", what, "handles", n)
	}, n)
}

// Untrack ends what Track began, with its n.
func Untrack(c runtime.Cleanup, n int64) {
	c.Stop()
	live.Add(-n)
}
