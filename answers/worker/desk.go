package worker

import (
	"sync"
	"time"

	"videoqa/ingest"
)

// A desk is where questions wait for a free slot, those about one target
// together: whoever comes while all slots are busy joins the batch of its clip.
// It is bounded by what the stream and the waiting room hand out.
type desk struct {
	mu      sync.Mutex
	changed *sync.Cond
	queue   []*batch // by the arrival of their first question
	open    map[[4]string]*batch
	closed  bool
}

// A batch is at most [ingest.MaxQuestions] jobs about one target.
type batch struct {
	target target
	jobs   []*job
}

func (d *desk) init() {
	d.changed = sync.NewCond(&d.mu)
	d.open = map[[4]string]*batch{}
}

// put returns false once the desk is closed.
func (d *desk) put(j *job) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	j.queued = time.Now()
	key := j.target.key()
	b := d.open[key]
	if b == nil || len(b.jobs) == ingest.MaxQuestions {
		b = &batch{target: j.target}
		d.open[key] = b
		d.queue = append(d.queue, b)
		d.changed.Signal()
	}
	b.jobs = append(b.jobs, j)
	return true
}

// take waits for a batch; nil: the desk is closed.
func (d *desk) take() (b *batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.queue) == 0 && !d.closed {
		d.changed.Wait()
	}
	if d.closed {
		return nil
	}
	return d.pop()
}

func (d *desk) pop() *batch {
	b := d.queue[0]
	d.queue = d.queue[1:]
	if key := b.target.key(); d.open[key] == b {
		delete(d.open, key)
	}
	return b
}

// close lets take return nil, and returns what nobody took.
func (d *desk) close() (left []*job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.queue) > 0 {
		left = append(left, d.pop().jobs...)
	}
	d.closed = true
	d.changed.Broadcast()
	return left
}
