package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

const (
	mostLeased = 512             // questions of the deferred queue in progress at a time
	lookEvery  = 5 * time.Second // for questions that another process deferred
)

// leases are the questions of the deferred queue that this process has in progress.
type leases struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (l *leases) add(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		l.ids = map[string]bool{}
	}
	l.ids[id] = true
}

func (l *leases) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ids, id)
}

func (l *leases) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

func (l *leases) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]string, 0, len(l.ids))
	for id := range l.ids {
		list = append(list, id)
	}
	return list
}

// runDeferred takes questions from the deferred queue when they are due, until ctx ends.
// Work on them goes on under hard.
func (w *Worker) runDeferred(ctx, hard context.Context) {
	var keeper sync.WaitGroup
	keeping, stop := context.WithCancel(hard)
	keeper.Go(func() { w.extendLeases(keeping) })
	defer keeper.Wait()
	defer stop()
	for turned := (time.Time{}); ctx.Err() == nil; {
		taken := w.takeDue(ctx, hard)
		if w.overflow.any() || time.Since(turned) >= lookEvery {
			turned = time.Now()
			taken += w.takeOverflow(ctx, hard)
		}
		if taken == 0 {
			w.waitForDue(ctx)
		}
	}
}

// takeDue begins work on the questions that are due, and returns how many there were.
func (w *Worker) takeDue(ctx, hard context.Context) int {
	room := mostLeased - w.leases.count()
	if room <= 0 {
		return 0
	}
	var rows []store.Row
	err := w.retryUnavailable(ctx, "read the deferred queue", func() (err error) {
		now := time.Now()
		rows, err = w.cfg.Store.Take(ctx, now, now.Add(w.cfg.Lease), min(room, ingest.MaxQuestions))
		return err
	})
	if err != nil {
		return 0
	}
	for _, row := range rows {
		w.resume(hard, row)
	}
	return len(rows)
}

func (w *Worker) resume(ctx context.Context, row store.Row) {
	if row.Damage != nil {
		w.endDamaged(ctx, row)
		return
	}
	event, err := ingest.ReadWaiting(row.Record, row.Request)
	question, ok := event.Data.(ingest.Question)
	if err == nil && !ok {
		err = errors.New("it is another event")
	}
	if err != nil {
		w.unreadable(ctx, row, err)
		return
	}
	w.leases.add(row.QuestionID)
	w.accept(ctx, newJob(question, event.Time, row.Record, nil, &row))
}

// unreadable accounts for a question whose row is undamaged but not understood. A process
// of a newer version may have stored it, and gets time to answer it.
func (w *Worker) unreadable(ctx context.Context, row store.Row, cause error) {
	if time.Since(row.FirstSeen) < w.cfg.Wait {
		w.cfg.Log.Error("a waiting question cannot be read, and is left to another process", "question", row.QuestionID, "until", row.FirstSeen.Add(w.cfg.Wait), "error", cause)
		return
	}
	row.Damage = fmt.Errorf("worker: read the waiting question %s: it is none that this version takes: %w: %w", row.QuestionID, cause, fault.Damaged)
	w.endDamaged(ctx, row)
}

// waitForDue waits until the next question is due, or another one may be.
func (w *Worker) waitForDue(ctx context.Context) {
	var due time.Time
	var some bool
	err := w.retryUnavailable(ctx, "read the deferred queue", func() (err error) {
		due, some, err = w.cfg.Store.NextDue(ctx)
		return err
	})
	if err != nil {
		return
	}
	pause := lookEvery
	if some && w.leases.count() < mostLeased {
		pause = min(pause, max(time.Until(due), time.Millisecond))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.kick:
	case <-timer.C:
	}
}

// extendLeases renews the leases of the questions in progress.
func (w *Worker) extendLeases(ctx context.Context) {
	tick := time.NewTicker(w.cfg.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if ids := w.leases.list(); len(ids) > 0 {
				err := w.cfg.Store.Extend(ctx, ids, time.Now().Add(w.cfg.Lease))
				if err != nil && ctx.Err() == nil {
					w.cfg.Log.Warn("cannot extend the leases of waiting questions", "error", err)
				}
			}
		}
	}
}
