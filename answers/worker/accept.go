package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/strictjson"
	"videoqa/internal/trail"
)

// accept takes a question in hand, unless it is: then it comes after.
func (w *Worker) accept(ctx context.Context, j *job) {
	j.trail, j.fate = w.cfg.Watch.Follow(j.question, j.at.Time, j.record.Headers), trail.Repeated
	if !w.hands.take(j) || w.floods(j) {
		return
	}
	w.consider(ctx, j)
}

// consider finds out what is to be done about a question: whoever was answered
// before gets the same record again; the others are asked, wait, or are dead.
func (w *Worker) consider(ctx context.Context, j *job) {
	asked, err := w.decide(ctx, j)
	if damaged(err) {
		err = w.die(ctx, j, err)
	}
	if asked && w.floods(j) { // its key may be known only now
		return
	}
	if asked {
		j.taken = j.trail.Begin(trail.Queue)
	}
	switch {
	case err != nil:
		w.put(j, false)
	case asked:
		w.queue(ctx, j)
	default:
		w.put(j, true)
	}
}

// queue lets j wait for a slot. Those that have to go for it are dead.
func (w *Worker) queue(ctx context.Context, j *job) {
	w.ahead.askedOf(j.question.Model)
	dropped, ok := w.desk.put(j)
	if !ok {
		w.put(j, false)
		return
	}
	for _, d := range dropped {
		d.taken(fault.Overloaded)
		d.queued = time.Time{} // it was not asked
		cause := fmt.Errorf("worker: ask %s: more than %d questions wait, and it says on_overload: drop: %w", d.question.ID, w.cfg.Queue, fault.Overloaded)
		w.put(d, w.die(ctx, d, cause) == nil)
	}
}

// put puts a question down and takes the next job about it in hand.
func (w *Worker) put(j *job, done bool) {
	if j.row != nil {
		w.lent.remove(j.question.ID)
	}
	if j.delivery != nil && done {
		j.delivery.Done()
	} else if j.delivery != nil {
		j.delivery.Drop()
	}
	if !done {
		j.fate = trail.Dropped
	}
	j.trail.End(j.fate, j.said)
	if next := w.hands.put(j); next != nil {
		w.consider(w.hard, next)
	}
}

// decide returns true if j is to be asked, false if it is accounted for.
func (w *Worker) decide(ctx context.Context, j *job) (asked bool, err error) {
	var known store.Outcome
	var found bool
	err = w.insist(ctx, "read an outcome", func() (err error) {
		known, found, err = w.cfg.Store.Outcome(ctx, j.question.ID)
		return err
	})
	switch {
	case err != nil:
		return false, err
	case found && known.Request != j.request:
		return false, w.conflict(ctx, j)
	case found && known.State != store.Waiting && !j.replays(known):
		return false, w.publishStored(ctx, j, known)
	case found && j.row == nil:
		return false, nil // it waits: its row is stored
	}
	if err := w.useUpload(ctx, j); err != nil {
		return false, err
	}
	return w.locate(ctx, j)
}

// replays tells whether j is asked again in place of the dead letter that is
// stored.
func (j *job) replays(known store.Outcome) bool {
	return j.row != nil && j.row.Replaces != "" && known.State == store.Dead && j.row.Replaces == store.MessageHash(known.Message)
}

// locate finds what j is about, or lets it wait.
func (w *Worker) locate(ctx context.Context, j *job) (found bool, err error) {
	var missing error
	err = w.insist(ctx, "look for a clip", func() (err error) {
		j.target, missing, err = w.find(ctx, j.question)
		return err
	})
	waits := j.row != nil && j.row.For != "" && j.row.For != store.ForTurn // and was in time when it came
	waited := waits && !time.Now().Before(j.row.Until)
	switch {
	case err != nil:
		return false, err
	case j.late() && !waits:
		return false, w.die(ctx, j, fmt.Errorf("worker: ask %s: it was to be answered by %s: %w", j.question.ID, j.question.Deadline, fault.Deadline))
	case missing == nil, waited && j.target.recording != nil: // what there is of it has to do
		return true, nil
	case lasting(missing), waited:
		return false, w.die(ctx, j, missing)
	}
	return false, w.park(ctx, j, missing)
}

// late tells whether j comes after its deadline. Who replays a question wants it
// answered whatever the time.
func (j *job) late() bool {
	return j.question.Deadline != nil && j.question.Deadline.Before(time.Now()) && !j.replayed()
}

// A lost clip or range is not waited for.
type lost struct{ error }

func (g lost) Unwrap() error { return g.error }

func lasting(missing error) bool { return errors.As(missing, new(lost)) }

// find returns what q is about; missing says why there is nothing yet, or not all.
func (w *Worker) find(ctx context.Context, q ingest.Question) (t target, missing, err error) {
	switch {
	case q.URI != "":
		return target{clip: ingest.Clip{URI: q.URI, Camera: q.Camera}}, nil, nil
	case q.ClipID != "":
		clip, state, err := w.cfg.Store.Clip(ctx, q.ClipID)
		switch state {
		case store.Unknown:
			missing = fmt.Errorf("worker: ask %s: no event has registered clip %s yet (vqa.clips.v1, or POST /v1/clips): %w", q.ID, q.ClipID, fault.UnknownClip)
		case store.Deleted:
			missing = lost{fmt.Errorf("worker: ask %s: clip %s was deleted: %w", q.ID, q.ClipID, fault.UnknownClip)}
		}
		return target{clip: clip}, missing, err
	}
	return w.findFootage(ctx, q)
}

// park lets j wait for its clip or footage, because that is missing. What it waits for may have come since
// it was looked for, and so it is looked for once more when the row is there.
func (w *Worker) park(ctx context.Context, j *job, missing error) error {
	row := w.rowOf(j)
	row.Reason = strictjson.Shorten(missing.Error(), longestReason)
	row.For = store.ForClip(j.question.ClipID)
	if j.question.ClipID == "" {
		row.For = store.ForCamera(j.question.Camera)
	}
	if row.Until.IsZero() {
		row.Until = time.Now().Add(w.cfg.Wait)
		if d := j.question.Deadline; d != nil && d.After(time.Now()) {
			row.Until = d.Time
		}
	}
	row.Due = row.Until
	if err := w.keep(ctx, j, row); err != nil {
		return err
	}
	return w.insist(ctx, "look for a clip", func() error {
		_, missing, err := w.find(ctx, j.question)
		if err != nil || missing != nil && !lasting(missing) {
			return err
		}
		defer w.look()
		return w.cfg.Store.Wake(ctx, row.QuestionID)
	})
}

func (w *Worker) rowOf(j *job) store.Row {
	if j.row != nil {
		return *j.row
	}
	return store.Row{QuestionID: j.question.ID, Request: j.request, Record: j.record, FirstSeen: time.Now()}
}

// keep stores j's row, new or changed. If the question has got an outcome since
// it was looked at, that one counts.
func (w *Worker) keep(ctx context.Context, j *job, row store.Row) error {
	defer w.look()
	j.fate = trail.Waiting
	if j.row != nil {
		err := w.insist(ctx, "let a question wait", func() error { return w.cfg.Store.Again(ctx, row) })
		if damaged(err) {
			return w.die(ctx, j, err)
		}
		return err
	}
	var stored store.Outcome
	var fresh bool
	err := w.insist(ctx, "let a question wait", func() (err error) {
		stored, fresh, err = w.cfg.Store.Wait(ctx, row)
		return err
	})
	switch {
	case damaged(err):
		return w.refuseDamaged(ctx, j, err)
	case err != nil:
		return err
	}
	return w.kept(ctx, j, stored, fresh)
}

// kept is what follows from what is stored of a question that was to wait.
func (w *Worker) kept(ctx context.Context, j *job, stored store.Outcome, fresh bool) error {
	switch {
	case fresh:
		return nil
	case stored.Request != j.request:
		return w.conflict(ctx, j)
	case stored.State == store.Waiting:
		return nil
	}
	j.fate = trail.Repeated
	return w.publishStored(ctx, j, stored)
}
