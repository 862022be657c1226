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
	"videoqa/internal/trace"
)

const (
	mostTogether = 500             // questions stored in one transaction
	mostOverflow = 100_000         // questions in the deferred queue above which the stream has to wait
	countEvery   = 5 * time.Second // questions there are
)

// overflow takes the questions of a key that floods the admission queue. They go into
// the store, many in one transaction, so that the records behind them in their partition
// are read. Once a question of a key waits there, the later ones of that key follow,
// until none is left.
//
// Keys share the way back fairly (start-time fair queueing): the place of a question is
// one behind the last one of its key, or one behind the place taken last if none of its
// key waits. So a key with few questions finds its place among the first of a key with
// thousands. Places are milliseconds near the clock, because a row's Due stores them.
type overflow struct {
	mu      sync.Mutex
	jobs    []*job // not stored yet
	more    chan struct{}
	behind  map[string]backlog // keys of which some wait
	reached int64              // the place taken last
	refuses bool               // too many wait, or the worker ends
}

// A backlog is what this process knows of a key's questions in the store.
type backlog struct {
	place int64     // of the last one; 0: none is stored yet
	at    time.Time // when it went there
}

func (o *overflow) init() {
	o.more, o.behind, o.reached = make(chan struct{}, 1), map[string]backlog{}, time.Now().UnixMilli()
}

// add takes j, and returns false if it has to wait in the admission queue.
func (o *overflow) add(j *job) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuses {
		return false
	}
	o.jobs = append(o.jobs, j)
	q := o.behind[j.fairnessKey()]
	q.at = time.Now()
	o.behind[j.fairnessKey()] = q
	signal(o.more)
	return true
}

// refuse sets whether add refuses questions.
func (o *overflow) refuse(is bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuses = is
}

// has reports whether questions of key wait in the store.
func (o *overflow) has(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, has := o.behind[key]
	return has
}

// any reports whether any key has questions there, as far as this process knows.
func (o *overflow) any() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.behind) > 0
}

// take returns up to mostTogether questions that are not stored yet, in their order.
func (o *overflow) take() []*job {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(o.jobs), mostTogether)
	some := slices.Clone(o.jobs[:n])
	o.jobs = slices.Delete(o.jobs, 0, n)
	return some
}

// place gives j the place behind the last one of its key.
func (o *overflow) place(j *job) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.behind[j.fairnessKey()]
	q.place, q.at = max(q.place, o.reached)+1, time.Now()
	o.behind[j.fairnessKey()] = q
	return time.UnixMilli(q.place)
}

// taken notes the rows that were taken from the store at a time, in the order of their
// places; last says that no others waited then. A key of which none is left may use the
// admission queue again.
func (o *overflow) taken(rows []store.Row, at time.Time, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(rows) > 0 {
		o.reached = rows[len(rows)-1].Due.UnixMilli()
	} else if last {
		o.reached = at.UnixMilli()
	}
	for key, q := range o.behind {
		if q.at.Before(at) && (last || q.place != 0 && q.place <= o.reached) {
			delete(o.behind, key)
		}
	}
}

// floods gives j to the overflow and returns true if the admission queue is full and j's
// key has its share of it, or if others of its key wait in the store. A question that
// says on_overload: drop never goes there.
func (w *Worker) floods(j *job) bool {
	if j.delivery == nil || j.question.OnOverload == ingest.Drop {
		return false
	}
	key := j.fairnessKey()
	return (w.overflow.has(key) || w.admission.full(key)) && w.overflow.add(j)
}

// runOverflow stores the questions that overflow, until ctx ends.
func (w *Worker) runOverflow(ctx, hard context.Context) {
	count := time.NewTicker(countEvery) // also while add refuses, and more stays silent
	defer count.Stop()
	for {
		select {
		case <-ctx.Done():
			w.overflow.refuse(true)
			for jobs := w.overflow.take(); len(jobs) > 0; jobs = w.overflow.take() {
				w.releaseAll(jobs, false)
			}
			return
		case <-count.C:
			w.limitOverflow(hard)
		case <-w.overflow.more:
		}
		for jobs := w.overflow.take(); len(jobs) > 0; jobs = w.overflow.take() {
			w.storeOverflow(hard, jobs)
		}
	}
}

// limitOverflow lets add refuse questions while too many wait in the store. If the store
// cannot be asked now, nothing changes.
func (w *Worker) limitOverflow(ctx context.Context) {
	if !w.overflow.any() {
		w.overflow.refuse(false)
		return
	}
	if n, err := w.cfg.Store.Waiting(ctx); err == nil {
		w.overflow.refuse(n > mostOverflow)
	}
}

// storeOverflow stores jobs. If one has an outcome already, that is published again.
func (w *Worker) storeOverflow(ctx context.Context, jobs []*job) {
	rows := make([]store.Row, len(jobs))
	var err error
	for i, j := range jobs {
		rows[i] = w.rowOf(j)
		rows[i].For, rows[i].Due = store.ForTurn, w.overflow.place(j)
		rows[i].Reason = fmt.Sprintf("worker: ask %s: others of %s came before it, more than may wait at a time (--work-queue)", j.question.ID, j.fairnessKey())
		err = errors.Join(err, w.useUpload(ctx, j))
	}
	if err != nil { // ctx has ended
		w.releaseAll(jobs, false)
		return
	}
	var stored []store.Stored
	err = w.retryUnavailable(ctx, "let questions wait", func() (err error) {
		stored, err = w.cfg.Store.WaitAll(ctx, rows)
		return err
	})
	if err != nil {
		w.releaseAll(jobs, false)
		return
	}
	for i, j := range jobs {
		if err := stored[i].Damage; err != nil {
			w.release(j, w.refuseDamaged(ctx, j, err) == nil)
			continue
		}
		j.disposition = trace.Waiting
		w.release(j, w.deferred(ctx, j, stored[i].Outcome, stored[i].Fresh) == nil)
	}
	w.wakeDeferred()
}

func (w *Worker) releaseAll(jobs []*job, done bool) {
	for _, j := range jobs {
		w.release(j, done)
	}
}

// takeOverflow begins work on the questions whose turn has come, while half of the
// admission queue is free. Half of the leases are left for questions that are due.
func (w *Worker) takeOverflow(ctx, hard context.Context) int {
	room := min(w.admission.free(), mostLeased/2-w.leases.count())
	if room <= 0 || room < min(w.cfg.Queue, mostLeased/2)/2 {
		return 0
	}
	began := time.Now()
	var rows []store.Row
	err := w.retryUnavailable(ctx, "look whose turn it is", func() (err error) {
		rows, err = w.cfg.Store.TakeTurns(ctx, began, began.Add(w.cfg.Lease), room)
		return err
	})
	if err != nil {
		return 0
	}
	for _, row := range rows {
		w.resume(hard, row)
	}
	w.overflow.taken(rows, began, len(rows) < room)
	return len(rows)
}
