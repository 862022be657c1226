package kafka

import (
	"testing"
	"testing/synctest"
)

func TestTheWindowBoundsRecordsAndBytes(t *testing.T) {
	w := newWindow(3, 100)
	for _, step := range []struct {
		size int
		in   bool
	}{{60, true}, {50, false}, {40, true}, {0, true}, {0, false}} {
		if got := w.try(step.size); got != step.in {
			t.Errorf("a record of %d bytes is let in: %v, want %v, with %d records and %d bytes left", step.size, got, step.in, w.records, w.bytes)
		}
	}
	for _, size := range []int{60, 40, 0} {
		w.put(size)
	}
	if !w.try(1000) {
		t.Error("a record that is larger than the window would never be read")
	}
	if w.try(0) {
		t.Error("another is let in beside it")
	}
}

func TestTheWindowOpensWhenARecordIsPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, in := newWindow(1, 100), make(chan bool, 1)
		w.try(10)
		go func() { in <- w.take(t.Context(), nil, 10) }()
		synctest.Wait()
		if len(in) != 0 {
			t.Fatal("it is let in before there is room")
		}
		w.put(10)
		if !<-in {
			t.Error("it is not let in when there is room")
		}
		stop := make(chan struct{})
		go func() { in <- w.take(t.Context(), stop, 10) }()
		synctest.Wait()
		close(stop)
		if <-in {
			t.Error("it is let in when the consumer stops")
		}
	})
}
