package worker

import (
	"slices"
	"sync"
	"time"

	"videoqa/ingest"
)

// A desk is where questions wait for a free slot, those about one target
// together: whoever comes while all slots are busy joins the batch of its clip.
// Slots go round among the keys that wait, a camera's or else a clip's, and within
// a key by arrival: so one that floods the desk delays another by a batch for each
// slot, however many it has waiting. What waits is bounded by what the stream and
// the waiting room hand out; over most questions, those that prefer to be dropped
// are, the oldest first.
type desk struct {
	most int

	mu      sync.Mutex
	changed *sync.Cond
	lines   map[string][]*batch // of each key, by the arrival of their first question
	round   []string            // keys that wait, the next one first
	open    map[[4]string]*batch
	waiting int    // questions
	yield   []*job // those of them that prefer to be dropped, the oldest first
	closed  bool
}

// A batch is at most [ingest.MaxQuestions] jobs about one target.
type batch struct {
	target target
	line   string
	jobs   []*job
}

func (d *desk) init(most int) {
	d.most = most
	d.changed = sync.NewCond(&d.mu)
	d.open, d.lines = map[[4]string]*batch{}, map[string][]*batch{}
}

// put takes a question in, and returns those that have to go for it, maybe itself;
// false once the desk is closed.
func (d *desk) put(j *job) (dropped []*job, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, false
	}
	j.queued = time.Now()
	b := d.open[j.target.key()]
	if b == nil || len(b.jobs) == ingest.MaxQuestions {
		b = d.begin(j)
	}
	b.jobs = append(b.jobs, j)
	j.batch = b
	d.waiting++
	if j.question.OnOverload == ingest.Drop {
		d.yield = append(d.yield, j)
	}
	for d.waiting > d.most && len(d.yield) > 0 {
		dropped = append(dropped, d.drop())
	}
	return dropped, true
}

// begin opens a batch at the end of its line.
func (d *desk) begin(j *job) *batch {
	b := &batch{target: j.target, line: j.line()}
	d.open[j.target.key()] = b
	if len(d.lines[b.line]) == 0 {
		d.round = append(d.round, b.line)
	}
	d.lines[b.line] = append(d.lines[b.line], b)
	d.changed.Signal()
	return b
}

// drop takes the oldest question that prefers that out of its batch.
func (d *desk) drop() *job {
	j := d.yield[0]
	d.yield = d.yield[1:]
	d.waiting--
	b := j.batch
	if b.jobs = slices.DeleteFunc(b.jobs, func(o *job) bool { return o == j }); len(b.jobs) == 0 {
		d.remove(b)
	}
	return j
}

// remove takes a batch out of its line, and the line out of the round if it was
// the last.
func (d *desk) remove(b *batch) {
	if key := b.target.key(); d.open[key] == b {
		delete(d.open, key)
	}
	d.lines[b.line] = slices.DeleteFunc(d.lines[b.line], func(o *batch) bool { return o == b })
	if len(d.lines[b.line]) == 0 {
		delete(d.lines, b.line)
		d.round = slices.DeleteFunc(d.round, func(line string) bool { return line == b.line })
	}
}

// take waits for a batch; nil: the desk is closed.
func (d *desk) take() (b *batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.round) == 0 && !d.closed {
		d.changed.Wait()
	}
	if d.closed {
		return nil
	}
	return d.pop()
}

// pop takes the first batch of the next line, which then comes last.
func (d *desk) pop() *batch {
	line := d.round[0]
	b := d.lines[line][0]
	d.round = append(d.round[1:], line)
	d.remove(b)
	d.waiting -= len(b.jobs)
	d.yield = slices.DeleteFunc(d.yield, func(j *job) bool { return j.batch == b })
	return b
}

// busy tells whether anything waits.
func (d *desk) busy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting > 0
}

// close lets take return nil, and returns what nobody took.
func (d *desk) close() (left []*job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.round) > 0 {
		left = append(left, d.pop().jobs...)
	}
	d.closed = true
	d.changed.Broadcast()
	return left
}
