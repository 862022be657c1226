package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/trail"
)

const (
	mostTogether = 500             // questions stored in one transaction
	mostTurns    = 100_000         // questions in the waiting room, before the stream has to wait itself
	countEvery   = 5 * time.Second // how many are there
)

// turns is where questions of a camera go that floods the desk: many at once into
// the waiting room, where they wait for their turn, so that what lies behind them
// in their partition is read. Once one of a camera waits there, those that come
// after it do too, until none is left.
//
// Turns are fair among keys (start-time fair queueing): the place of a question is
// one behind that of the last of its key, or behind the one that was taken last if
// none of its key waits. So the questions of a key that has few there stand among the
// first of one that has thousands. Places are milliseconds, which is how a row's Due
// is stored, near the clock but not on it.
type turns struct {
	mu      sync.Mutex
	jobs    []*job // not stored yet
	more    chan struct{}
	behind  map[string]queue // keys of which some wait
	reached int64            // the place that was taken last
	refuses bool             // too many wait, or nobody stores them any more
}

// A queue is what is known of a key's questions that wait for their turn.
type queue struct {
	place int64     // of the last one; 0: none is stored yet
	at    time.Time // when it went there
}

func (t *turns) init() {
	t.more, t.behind, t.reached = make(chan struct{}, 1), map[string]queue{}, time.Now().UnixMilli()
}

// add takes a question over; false: it has to wait elsewhere.
func (t *turns) add(j *job) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refuses {
		return false
	}
	t.jobs = append(t.jobs, j)
	q := t.behind[j.line()]
	q.at = time.Now()
	t.behind[j.line()] = q
	signal(t.more)
	return true
}

// refuse says whether add takes questions.
func (t *turns) refuse(is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refuses = is
}

// has tells whether questions of line wait for their turn.
func (t *turns) has(line string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, has := t.behind[line]
	return has
}

// any tells whether any do, as far as this process knows.
func (t *turns) any() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.behind) > 0
}

// take returns some of those that are not stored yet, the first first.
func (t *turns) take() []*job {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.jobs), mostTogether)
	some := slices.Clone(t.jobs[:n])
	t.jobs = slices.Delete(t.jobs, 0, n)
	return some
}

// place gives j the place behind the last one of its key.
func (t *turns) place(j *job) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.behind[j.line()]
	q.place, q.at = max(q.place, t.reached)+1, time.Now()
	t.behind[j.line()] = q
	return time.UnixMilli(q.place)
}

// taken notes rows that were taken at a moment, in the order of their places; last
// says that nobody else waited then. Whoever comes of a key of which none is left
// need not wait for its turn.
func (t *turns) taken(rows []store.Row, at time.Time, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(rows) > 0 {
		t.reached = rows[len(rows)-1].Due.UnixMilli()
	} else if last {
		t.reached = at.UnixMilli()
	}
	for line, q := range t.behind {
		if q.at.Before(at) && (last || q.place != 0 && q.place <= t.reached) {
			delete(t.behind, line)
		}
	}
}

// floods takes j over if the desk is full and j's key has its share of it, or if
// others of that key wait for their turn. Whoever prefers to be dropped is not kept.
func (w *Worker) floods(j *job) bool {
	if j.delivery == nil || j.question.OnOverload == ingest.Drop {
		return false
	}
	line := j.line()
	return (w.turns.has(line) || w.desk.full(line)) && w.turns.add(j)
}

// shelve stores what waits for its turn, until ctx ends.
func (w *Worker) shelve(ctx, hard context.Context) {
	count := time.NewTicker(countEvery) // also while turns refuses, and so has no more
	defer count.Stop()
	for {
		select {
		case <-ctx.Done():
			w.turns.refuse(true)
			for jobs := w.turns.take(); len(jobs) > 0; jobs = w.turns.take() {
				w.putAll(jobs, false)
			}
			return
		case <-count.C:
			w.countTurns(hard)
		case <-w.turns.more:
		}
		for jobs := w.turns.take(); len(jobs) > 0; jobs = w.turns.take() {
			w.shelveAll(hard, jobs)
		}
	}
}

// countTurns finds out whether the waiting room has room. If that cannot be known
// now, what was known stays.
func (w *Worker) countTurns(ctx context.Context) {
	if !w.turns.any() {
		w.turns.refuse(false)
		return
	}
	if n, err := w.cfg.Store.Waiting(ctx); err == nil {
		w.turns.refuse(n > mostTurns)
	}
}

// shelveAll stores jobs. Those that have an outcome already say it again.
func (w *Worker) shelveAll(ctx context.Context, jobs []*job) {
	rows := make([]store.Row, len(jobs))
	var err error
	for i, j := range jobs {
		rows[i] = w.rowOf(j)
		rows[i].For, rows[i].Due = store.ForTurn, w.turns.place(j)
		rows[i].Reason = fmt.Sprintf("worker: ask %s: others of %s came before it, more than may wait at a time (--work-queue)", j.question.ID, j.line())
		err = errors.Join(err, w.useUpload(ctx, j))
	}
	if err != nil { // ctx has ended
		w.putAll(jobs, false)
		return
	}
	var stored []store.Stored
	err = w.insist(ctx, "let questions wait", func() (err error) {
		stored, err = w.cfg.Store.WaitAll(ctx, rows)
		return err
	})
	if err != nil {
		w.putAll(jobs, false)
		return
	}
	for i, j := range jobs {
		if err := stored[i].Damage; err != nil {
			w.put(j, w.refuseDamaged(ctx, j, err) == nil)
			continue
		}
		j.fate = trail.Waiting
		w.put(j, w.kept(ctx, j, stored[i].Outcome, stored[i].Fresh) == nil)
	}
	w.look()
}

func (w *Worker) putAll(jobs []*job, done bool) {
	for _, j := range jobs {
		w.put(j, done)
	}
}

// takeTurns takes in hand those whose turn it is, while half of the desk is free
// and half of what may be lent is left to what is due.
func (w *Worker) takeTurns(ctx, hard context.Context) int {
	room := min(w.desk.room(), mostLent/2-w.lent.count())
	if room <= 0 || room < min(w.cfg.Queue, mostLent/2)/2 {
		return 0
	}
	began := time.Now()
	var rows []store.Row
	err := w.insist(ctx, "look whose turn it is", func() (err error) {
		rows, err = w.cfg.Store.TakeTurns(ctx, began, began.Add(w.cfg.Lease), room)
		return err
	})
	if err != nil {
		return 0
	}
	for _, row := range rows {
		w.resume(hard, row)
	}
	w.turns.taken(rows, began, len(rows) < room)
	return len(rows)
}
