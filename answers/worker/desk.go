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
// a key by arrival; and one key never has all the slots. So one that floods the desk
// leaves another a slot, however many it has waiting. Over most questions, those
// that prefer to be dropped are, the oldest first; whoever comes then to a key that
// has its share of the desk finds it full.
type desk struct {
	most int // questions that wait before something has to give
	each int // slots that one key may have at a time

	mu      sync.Mutex
	changed *sync.Cond
	lines   map[string][]*batch // of each key, by the arrival of their first question
	round   []string            // keys that wait, the next one first
	count   map[string]int      // questions that wait, by key
	asked   map[string]int      // slots in use, by key
	open    map[batchKey]*batch
	waiting int    // questions
	yield   []*job // those of them that prefer to be dropped, the oldest first
	closed  bool
}

// A batch is at most [ingest.MaxQuestions] jobs about one target.
type batch struct {
	key    batchKey
	target target
	line   string
	jobs   []*job
}

func (d *desk) init(most, slots int) {
	d.most, d.each = most, max(1, slots-1)
	d.changed = sync.NewCond(&d.mu)
	d.open, d.lines = map[batchKey]*batch{}, map[string][]*batch{}
	d.count, d.asked = map[string]int{}, map[string]int{}
}

// full tells whether the desk has most questions and line its share of them.
func (d *desk) full(line string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting >= d.most && d.count[line]*len(d.round) >= d.most
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
	b := d.open[j.batchKey()]
	if b == nil || len(b.jobs) == ingest.MaxQuestions {
		b = d.begin(j)
	}
	b.jobs = append(b.jobs, j)
	j.batch = b
	d.add(b, 1)
	if j.question.OnOverload == ingest.Drop {
		d.yield = append(d.yield, j)
	}
	for d.waiting > d.most && len(d.yield) > 0 {
		dropped = append(dropped, d.drop())
	}
	return dropped, true
}

// add counts n questions more that wait in b, or less.
func (d *desk) add(b *batch, n int) {
	d.waiting += n
	if d.count[b.line] += n; d.count[b.line] == 0 {
		delete(d.count, b.line)
	}
}

// begin opens a batch at the end of its line.
func (d *desk) begin(j *job) *batch {
	b := &batch{key: j.batchKey(), target: j.target, line: j.line()}
	d.open[b.key] = b
	if len(d.lines[b.line]) == 0 {
		d.round = append(d.round, b.line)
	}
	d.lines[b.line] = append(d.lines[b.line], b)
	d.changed.Broadcast()
	return b
}

// drop takes the oldest question that prefers that out of its batch.
func (d *desk) drop() *job {
	j := d.yield[0]
	d.yield = d.yield[1:]
	b := j.batch
	d.add(b, -1)
	if b.jobs = slices.DeleteFunc(b.jobs, func(o *job) bool { return o == j }); len(b.jobs) == 0 {
		d.remove(b)
	}
	return j
}

// remove takes a batch out of its line, and the line out of the round if it was
// the last.
func (d *desk) remove(b *batch) {
	if d.open[b.key] == b {
		delete(d.open, b.key)
	}
	d.lines[b.line] = slices.DeleteFunc(d.lines[b.line], func(o *batch) bool { return o == b })
	if len(d.lines[b.line]) == 0 {
		delete(d.lines, b.line)
		d.round = slices.DeleteFunc(d.round, func(line string) bool { return line == b.line })
	}
}

// take waits for a batch that may have a slot; nil: the desk is closed. Whoever
// takes it says when it is done.
func (d *desk) take() (b *batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; !d.closed; d.changed.Wait() {
		at := slices.IndexFunc(d.round, func(line string) bool { return d.asked[line] < d.each })
		if at < 0 {
			continue
		}
		b := d.pop(at)
		d.asked[b.line]++
		return b
	}
	return nil
}

// done gives a batch's slot back.
func (d *desk) done(b *batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked[b.line]--; d.asked[b.line] == 0 {
		delete(d.asked, b.line)
	}
	d.changed.Broadcast()
}

// pop takes the first batch of the line at a place of the round, which then comes last.
func (d *desk) pop(at int) *batch {
	line := d.round[at]
	b := d.lines[line][0]
	d.round = append(slices.Delete(d.round, at, at+1), line)
	d.remove(b)
	d.add(b, -len(b.jobs))
	d.yield = slices.DeleteFunc(d.yield, func(j *job) bool { return j.batch == b })
	return b
}

// busy tells whether anything waits.
func (d *desk) busy() bool { return d.room() < d.most }

// room returns how many questions may come before the desk is full.
func (d *desk) room() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.most - d.waiting
}

// close lets take return nil, and returns what nobody took.
func (d *desk) close() (left []*job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.round) > 0 {
		left = append(left, d.pop(0).jobs...)
	}
	d.closed = true
	d.changed.Broadcast()
	return left
}
