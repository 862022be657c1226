package kafka

import "sync"

// An unfinished counts deliveries that are not finished. Its zero value has none.
type unfinished struct {
	mu    sync.Mutex
	count int
	idle  chan struct{} // not nil: nothing more is taken; closed once nothing is in progress
}

// begin adds one delivery in progress. It returns false once end was called.
func (u *unfinished) begin() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.idle != nil {
		return false
	}
	u.count++
	return true
}

// finish removes one.
func (u *unfinished) finish() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count--; u.count == 0 && u.idle != nil {
		close(u.idle)
	}
}

// end lets begin refuse further deliveries. It returns a channel that is closed once none is in progress. It is
// called once.
func (u *unfinished) end() (idle <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.idle = make(chan struct{})
	if u.count == 0 {
		close(u.idle)
	}
	return u.idle
}
