package serve

import (
	"runtime"
	"testing"
	"time"
)

func TestTheHeapGrowsByAsMuchHoweverLargeItIs(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, 1 << 20: 100, 32 << 20: 100, 64 << 20: 50, 256 << 20: 12, 64 << 30: 5} {
		if got := percentFor(live); got != want {
			t.Errorf("of %d live bytes: %d %%, want %d %%", live, got, want)
		}
	}
}

func TestEveryCollectionIsFollowed(t *testing.T) {
	calls := make(chan struct{}, 16)
	afterCollection(func() { calls <- struct{}{} })
	for i := range 3 {
		until := time.After(time.Minute)
		for called := false; !called; {
			runtime.GC()
			select {
			case <-calls:
				called = true
			case <-until:
				t.Fatalf("nothing followed collection %d", i)
			case <-time.After(time.Millisecond):
			}
		}
	}
	if liveHeap() == 0 {
		t.Error("no live heap after a collection")
	}
}
