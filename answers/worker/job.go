package worker

import (
	"fmt"
	"sync"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/trace"
)

// A job is a question in progress: from the stream, with its delivery, or from the
// deferred queue, with its row.
type job struct {
	question ingest.Question
	request  string
	at       ingest.Time // of its event
	record   ingest.Record
	delivery *ingest.Delivery // nil: from the deferred queue
	row      *store.Row       // nil: from the stream
	target   target
	batch    *batch    // in which it waits
	queued   time.Time // when it began to wait for a slot; zero: it did not

	trace       trace.Trace
	dequeued    func(error)       // ends the stage of waiting for a slot
	disposition trace.Disposition // so far
	answer      ingest.Answer     // if it has one
}

// A target is what a job's question is about: a clip, or a range.
type target struct {
	clip      ingest.Clip
	recording *recording
}

// A batchKey is equal for questions that are asked together: the same model about the
// same clip or range.
type batchKey struct {
	model  string
	target [4]string
}

func (j *job) batchKey() batchKey { return batchKey{j.question.Model, j.target.key()} }

// key is equal for targets that are the same.
func (t target) key() [4]string {
	if r := t.recording; r != nil {
		return [4]string{"camera " + r.camera, r.from.Format(time.RFC3339Nano), r.to.Format(time.RFC3339Nano), fmt.Sprint(len(r.clips), r.incomplete)}
	}
	return [4]string{t.clip.ID, t.clip.URI}
}

// fairnessKey is the key on whose behalf j waits for a slot: its camera, or else its clip.
func (j *job) fairnessKey() string {
	for _, name := range []string{j.question.Camera, j.target.clip.Camera, j.target.clip.ID, j.target.clip.URI} {
		if name != "" {
			return name
		}
	}
	return j.question.ID
}

func newJob(q ingest.Question, at ingest.Time, r ingest.Record, d *ingest.Delivery, row *store.Row) *job {
	return &job{question: q, request: q.RequestHash(), at: at, record: r, delivery: d, row: row}
}

func (j *job) attempts() int {
	if j.row != nil {
		return j.row.Attempts
	}
	return 0
}

// replayed reports whether an operator asked for j again, whatever its deadline.
func (j *job) replayed() bool { return j.row != nil && j.row.Replaces != "" }

// tried reports whether work on j began: it waited for a slot.
func (j *job) tried() bool { return !j.queued.IsZero() }

func (j *job) firstSeen() time.Time {
	if j.row != nil {
		return j.row.FirstSeen
	}
	return time.Now()
}

// owned reports whether this process still owns j's partition, and so publishes its outcome.
func (j *job) owned() bool { return j.delivery == nil || j.delivery.Owned() }

// inProgress knows which questions are in progress, so that a question that comes twice
// is worked on once. The second job waits until the first one is released.
type inProgress struct {
	mu      sync.Mutex
	waiting map[string][]*job // by id of a question in progress: the jobs behind it
}

// add returns false if j's question is in progress: j then waits behind it.
func (p *inProgress) add(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == nil {
		p.waiting = map[string][]*job{}
	}
	id := j.question.ID
	behind, found := p.waiting[id]
	if found {
		p.waiting[id] = append(behind, j)
		return false
	}
	p.waiting[id] = nil
	return true
}

// remove ends progress on j's question. It returns the next job that waited behind j,
// whose question is in progress now, or nil.
func (p *inProgress) remove(j *job) *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := j.question.ID
	behind := p.waiting[id]
	if len(behind) == 0 {
		delete(p.waiting, id)
		return nil
	}
	p.waiting[id] = behind[1:]
	return behind[0]
}

// traces returns the traces of jobs that are worked on together.
func traces(jobs []*job) []trace.Trace {
	all := make([]trace.Trace, len(jobs))
	for i, j := range jobs {
		all[i] = j.trace
	}
	return all
}
