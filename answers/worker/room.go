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
	mostLent  = 512             // questions of the waiting room in hand at a time
	lookEvery = 5 * time.Second // at the waiting room, for what another process put there
)

// lent is which questions of the waiting room are in hand.
type lent struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (l *lent) add(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		l.ids = map[string]bool{}
	}
	l.ids[id] = true
}

func (l *lent) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ids, id)
}

func (l *lent) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

func (l *lent) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]string, 0, len(l.ids))
	for id := range l.ids {
		list = append(list, id)
	}
	return list
}

// tend takes questions from the waiting room when they are due, until ctx ends;
// what is in hand is worked on under hard.
func (w *Worker) tend(ctx, hard context.Context) {
	var keeper sync.WaitGroup
	keeping, stop := context.WithCancel(hard)
	keeper.Go(func() { w.keepLent(keeping) })
	defer keeper.Wait()
	defer stop()
	for turned := (time.Time{}); ctx.Err() == nil; {
		taken := w.takeDue(ctx, hard)
		if w.turns.any() || time.Since(turned) >= lookEvery {
			turned = time.Now()
			taken += w.takeTurns(ctx, hard)
		}
		if taken == 0 {
			w.rest(ctx)
		}
	}
}

// takeDue takes in hand what is due and returns how many that were.
func (w *Worker) takeDue(ctx, hard context.Context) int {
	room := mostLent - w.lent.count()
	if room <= 0 {
		return 0
	}
	var rows []store.Row
	err := w.insist(ctx, "look into the waiting room", func() (err error) {
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
		w.bury(ctx, row)
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
	w.lent.add(row.QuestionID)
	w.accept(ctx, newJob(question, event.Time, row.Record, nil, &row))
}

// unreadable accounts for a question whose row is whole and cannot be read. A process of
// a newer version may have stored it, and is given time to answer it.
func (w *Worker) unreadable(ctx context.Context, row store.Row, cause error) {
	if time.Since(row.FirstSeen) < w.cfg.Wait {
		w.cfg.Log.Error("a waiting question cannot be read, and is left to another process", "question", row.QuestionID, "until", row.FirstSeen.Add(w.cfg.Wait), "error", cause)
		return
	}
	row.Damage = fmt.Errorf("worker: read the waiting question %s: it is none that this version takes: %w: %w", row.QuestionID, cause, fault.Damaged)
	w.bury(ctx, row)
}

// rest waits until the next question is due, or there may be one.
func (w *Worker) rest(ctx context.Context) {
	var due time.Time
	var some bool
	err := w.insist(ctx, "look into the waiting room", func() (err error) {
		due, some, err = w.cfg.Store.NextDue(ctx)
		return err
	})
	if err != nil {
		return
	}
	pause := lookEvery
	if some && w.lent.count() < mostLent {
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

// keepLent extends the lease of what is in hand.
func (w *Worker) keepLent(ctx context.Context) {
	tick := time.NewTicker(w.cfg.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if ids := w.lent.list(); len(ids) > 0 {
				err := w.cfg.Store.Extend(ctx, ids, time.Now().Add(w.cfg.Lease))
				if err != nil && ctx.Err() == nil {
					w.cfg.Log.Warn("cannot keep waiting questions", "error", err)
				}
			}
		}
	}
}
