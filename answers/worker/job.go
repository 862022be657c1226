package worker

import (
	"fmt"
	"sync"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/trail"
)

// A job is a question in hand: from the stream, with its delivery, or from the
// waiting room, with its row.
type job struct {
	question ingest.Question
	request  string
	at       ingest.Time // of its event
	record   ingest.Record
	delivery *ingest.Delivery // nil: from the waiting room
	row      *store.Row       // nil: from the stream
	target   target
	batch    *batch    // that it waits in
	queued   time.Time // since when it waits for a slot; zero: it was never to be asked

	trail trail.Trail
	taken func(error)   // ends its waiting for a slot
	fate  trail.Fate    // what became of it so far
	said  ingest.Answer // if that is an answer
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

// line is who j stands in line with for a slot.
func (j *job) line() string {
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

// replayed says whether an operator wants j asked again, whatever the time.
func (j *job) replayed() bool { return j.row != nil && j.row.Replaces != "" }

// tried says whether j has been asked, or at least its media opened.
func (j *job) tried() bool { return !j.queued.IsZero() }

func (j *job) firstSeen() time.Time {
	if j.row != nil {
		return j.row.FirstSeen
	}
	return time.Now()
}

// owned says whether what comes of j is ours to publish.
func (j *job) owned() bool { return j.delivery == nil || j.delivery.Owned() }

// hands knows which questions are in hand, so that a question which comes twice
// is worked on once. The second waits until the first is put down.
type hands struct {
	mu      sync.Mutex
	waiting map[string][]*job // by question id in hand: who comes after
}

// take returns false if j's question is in hand: j waits behind it.
func (h *hands) take(j *job) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == nil {
		h.waiting = map[string][]*job{}
	}
	id := j.question.ID
	behind, held := h.waiting[id]
	if held {
		h.waiting[id] = append(behind, j)
		return false
	}
	h.waiting[id] = nil
	return true
}

// put returns who waited for j's question, and has it in hand now; nil: nobody.
func (h *hands) put(j *job) *job {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := j.question.ID
	behind := h.waiting[id]
	if len(behind) == 0 {
		delete(h.waiting, id)
		return nil
	}
	h.waiting[id] = behind[1:]
	return behind[0]
}

// trails are those of jobs that are worked on together.
func trails(jobs []*job) []trail.Trail {
	all := make([]trail.Trail, len(jobs))
	for i, j := range jobs {
		all[i] = j.trail
	}
	return all
}
