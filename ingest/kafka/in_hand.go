package kafka

import "sync"

// An inHand counts deliveries that are not finished. Its zero value has none.
type inHand struct {
	mu    sync.Mutex
	count int
	idle  chan struct{} // not nil: nothing more is taken; closed once nothing is in hand
}

// begin takes one delivery in hand; false: nothing more is taken.
func (h *inHand) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.idle != nil {
		return false
	}
	h.count++
	return true
}

// finish puts one down.
func (h *inHand) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count--; h.count == 0 && h.idle != nil {
		close(h.idle)
	}
}

// end takes nothing more, and returns what is closed once nothing is in hand. It is
// called once.
func (h *inHand) end() (idle <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.idle = make(chan struct{})
	if h.count == 0 {
		close(h.idle)
	}
	return h.idle
}
