package kafka

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestNothingIsTakenInHandOnceItIsToEnd(t *testing.T) {
	for range 200 {
		var h unfinished
		var taken, finished atomic.Int64
		var takers sync.WaitGroup
		for range 4 {
			takers.Go(func() {
				for h.begin() {
					taken.Add(1)
					finished.Add(1)
					h.finish()
				}
			})
		}
		<-h.end()
		if h.begin() {
			t.Fatal("a delivery was begun after the end")
		}
		takers.Wait()
		if taken.Load() != finished.Load() || h.count != 0 {
			t.Fatalf("%d were taken and %d finished; %d are in progress", taken.Load(), finished.Load(), h.count)
		}
	}
}
