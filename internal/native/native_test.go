package native_test

import (
	"testing"

	"videoqa/internal/native"
)

type owner struct{ name string }

func TestHandlesAreCountedUntilTheyAreGivenBack(t *testing.T) {
	before := native.Read()
	o := &owner{"test"}
	c := native.Track(o, "test owner", 2)
	if now := native.Read().Handles; now != before.Handles+2 {
		t.Errorf("%d handles are live after tracking 2 above %d", now, before.Handles)
	}
	native.Untrack(c, 2)
	if now := native.Read(); now.Handles != before.Handles || now.Leaked != before.Leaked {
		t.Errorf("after untracking %+v; before %+v", now, before)
	}
	_ = o.name
}

func TestTheAllocatorTakesABound(t *testing.T) {
	if !native.BoundArenas(2) {
		t.Error("it does not take two arenas")
	}
}

func TestTheHeapIsSeen(t *testing.T) {
	if native.Read().HeapBytes == 0 {
		t.Error("the C heap holds nothing, which no process's does")
	}
}
