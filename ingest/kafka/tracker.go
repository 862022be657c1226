package kafka

import "sync"

// A tracker knows which records of one partition are in progress, and so how far
// the partition's offset may be committed: up to the first unfinished record.
type tracker struct {
	mu      sync.Mutex
	pending []*entry // in the order of their offsets; the first is unfinished
	next    int64    // the offset after the last record that all before are finished of
	known   bool     // whether any record was finished
}

type entry struct {
	offset   int64
	finished bool
}

// start notes that the record at offset is in progress. Offsets only grow; gaps are
// as in any partition that lost records to compaction or transactions.
func (t *tracker) start(offset int64) *entry {
	e := &entry{offset: offset}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, e)
	return e
}

// pass notes that what lies at offset, after all that was started, is no record
// that anybody needs.
func (t *tracker) pass(offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, &entry{offset, true})
	t.settle()
}

// finish notes that e needs never be read again.
func (t *tracker) finish(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.finished = true
	t.settle()
}

func (t *tracker) settle() {
	n := 0
	for n < len(t.pending) && t.pending[n].finished {
		t.next, t.known = t.pending[n].offset+1, true
		n++
	}
	t.pending = t.pending[n:]
}

// watermark returns the offset to commit, the next one to read; false: none yet.
func (t *tracker) watermark() (next int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next, t.known
}
