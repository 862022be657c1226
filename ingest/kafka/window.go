package kafka

import (
	"context"
	"sync"
)

// A window bounds what is in progress of one partition, in records and in bytes. One
// record is let in whatever its size. One goroutine takes, many put.
type window struct {
	mu             sync.Mutex
	records, bytes int // left
	most           int // records
	freed          chan struct{}
}

func newWindow(records, bytes int) *window {
	return &window{records: records, bytes: bytes, most: records, freed: make(chan struct{}, 1)}
}

// take waits until there is room for a record of size bytes; false: ctx or stop
// ended first.
func (w *window) take(ctx context.Context, stop <-chan struct{}, size int) bool {
	for !w.try(size) {
		select {
		case <-w.freed:
		case <-ctx.Done():
			return false
		case <-stop:
			return false
		}
	}
	return true
}

func (w *window) try(size int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.records == 0 || w.bytes < size && w.records < w.most {
		return false
	}
	w.records, w.bytes = w.records-1, w.bytes-size
	return true
}

func (w *window) put(size int) {
	w.mu.Lock()
	w.records, w.bytes = w.records+1, w.bytes+size
	w.mu.Unlock()
	select {
	case w.freed <- struct{}{}:
	default:
	}
}
