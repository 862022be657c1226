package kernels

// #include "kernels.h"
// #include "workspace.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// errMemory is what a task reports that finds no memory to work in.
var errMemory = errors.New("kernels: allocate a thread's workspace: out of memory")

// Workspaces is how many bytes threads keep to work in, of the process.
func Workspaces() int64 { return int64(C.videoqa_workspaces()) }

// run does tasks [0, n) on as many threads as Go uses, the caller's among them, each taking
// the next one that nobody has.
func run(n C.int64_t, task func(C.int64_t) C.int) error {
	var next atomic.Int64
	var failed atomic.Bool
	work := func() {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			if task(C.int64_t(i)) != 0 {
				failed.Store(true)
			}
		}
	}
	var others sync.WaitGroup
	for range min(int64(runtime.GOMAXPROCS(0)), int64(n)) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	if failed.Load() {
		return errMemory
	}
	return nil
}

// A pinner gives C the memory of slices, which stays where it is until Unpin.
type pinner struct{ runtime.Pinner }

// floats is where s begins, which must have n numbers.
func (p *pinner) floats(name string, s []float32, n ...int) *C.float {
	return (*C.float)(slice(p, name, s, n...))
}

// slice is where s begins, which must have as many elements as the lengths n multiply to;
// nil if it has none.
func slice[T any](p *pinner, name string, s []T, n ...int) unsafe.Pointer {
	want := 1
	for _, length := range n {
		want *= length
	}
	if len(s) != want {
		panic(fmt.Sprintf("kernels: %s has %d elements, and %v are %d", name, len(s), n, want))
	}
	if want == 0 {
		return nil
	}
	p.Pin(&s[0])
	return unsafe.Pointer(&s[0])
}
