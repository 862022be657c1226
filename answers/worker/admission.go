package worker

import (
	"slices"
	"sync"
	"time"

	"videoqa/ingest"
	"videoqa/internal/fair"
)

// An admission queue holds questions until a slot is free and batches those about one
// target: a question that comes while all slots are busy joins the batch of its clip.
//
// Slots go to the fairness keys in turn, a camera's or else a clip's, and within a key
// in the order of arrival. One key never has all slots, so that a key that floods the
// queue leaves another one a slot. Above most questions the queue drops questions that
// say on_overload: drop, the oldest first. A key that has its share of a full queue
// finds it full.
type admission struct {
	most int // questions that may wait before some are dropped or refused
	each int // slots that one key may have at a time

	mu      sync.Mutex
	changed *sync.Cond
	batches fair.Queue[*batch]
	count   map[string]int // waiting questions, by key
	running map[string]int // slots in use, by key
	open    map[batchKey]*batch
	waiting int    // questions
	drops   []*job // waiting questions that say on_overload: drop, the oldest first
	closed  bool
}

// A batch is at most [ingest.MaxQuestions] jobs about one target.
type batch struct {
	key    batchKey
	target target
	fair   string // its fairness key
	jobs   []*job
}

func (q *admission) init(most, slots int) {
	q.most, q.each = most, max(1, slots-1)
	q.changed = sync.NewCond(&q.mu)
	q.open, q.count, q.running = map[batchKey]*batch{}, map[string]int{}, map[string]int{}
}

// full reports whether the queue has most questions and key has its share of them.
func (q *admission) full(key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting >= q.most && q.count[key]*q.batches.Keys() >= q.most
}

// put adds a question, and returns the questions that it drops for that, perhaps j
// itself. It returns false once the queue is closed.
func (q *admission) put(j *job) (dropped []*job, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, false
	}
	j.queued = time.Now()
	b := q.open[j.batchKey()]
	if b == nil || len(b.jobs) == ingest.MaxQuestions {
		b = q.begin(j)
	}
	b.jobs = append(b.jobs, j)
	j.batch = b
	q.add(b, 1)
	if j.question.OnOverload == ingest.Drop {
		q.drops = append(q.drops, j)
	}
	for q.waiting > q.most && len(q.drops) > 0 {
		dropped = append(dropped, q.drop())
	}
	return dropped, true
}

// add changes the number of questions that wait in b by n.
func (q *admission) add(b *batch, n int) {
	q.waiting += n
	if q.count[b.fair] += n; q.count[b.fair] == 0 {
		delete(q.count, b.fair)
	}
}

// begin opens a batch behind the others of its key.
func (q *admission) begin(j *job) *batch {
	b := &batch{key: j.batchKey(), target: j.target, fair: j.fairnessKey()}
	q.open[b.key] = b
	q.batches.Add(b.fair, b)
	q.changed.Broadcast()
	return b
}

// drop removes the oldest question that says on_overload: drop from its batch.
func (q *admission) drop() *job {
	j := q.drops[0]
	q.drops = q.drops[1:]
	b := j.batch
	q.add(b, -1)
	if b.jobs = slices.DeleteFunc(b.jobs, func(o *job) bool { return o == j }); len(b.jobs) == 0 {
		q.shut(b)
		q.batches.Remove(b.fair, b)
	}
	return j
}

// shut lets no further question join b.
func (q *admission) shut(b *batch) {
	if q.open[b.key] == b {
		delete(q.open, b.key)
	}
}

// take waits for a batch that may have a slot. The caller calls done when it has run the
// batch. take returns nil once the queue is closed.
func (q *admission) take() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; !q.closed; q.changed.Wait() {
		if b, ok := q.next(func(key string) bool { return q.running[key] < q.each }); ok {
			q.running[b.fair]++
			return b
		}
	}
	return nil
}

// done gives a batch's slot back.
func (q *admission) done(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[b.fair]--; q.running[b.fair] == 0 {
		delete(q.running, b.fair)
	}
	q.changed.Broadcast()
}

// next removes the next batch of a key that may have a slot.
func (q *admission) next(mayGo func(key string) bool) (b *batch, ok bool) {
	b, ok = q.batches.Next(mayGo)
	if !ok {
		return nil, false
	}
	q.shut(b)
	q.add(b, -len(b.jobs))
	q.drops = slices.DeleteFunc(q.drops, func(j *job) bool { return j.batch == b })
	return b, true
}

// busy reports whether questions wait.
func (q *admission) busy() bool { return q.free() < q.most }

// free returns how many questions may come before the queue is full.
func (q *admission) free() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.most - q.waiting
}

// close makes take return nil, and returns the questions that no slot took.
func (q *admission) close() (left []*job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for b, ok := q.next(fair.AnyKey); ok; b, ok = q.next(fair.AnyKey) {
		left = append(left, b.jobs...)
	}
	q.closed = true
	q.changed.Broadcast()
	return left
}
