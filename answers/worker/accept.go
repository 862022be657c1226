package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/strictjson"
	"videoqa/internal/trace"
)

// A progress says how acceptance goes on after a step.
type progress int

const (
	next       progress = iota // with the next step
	finished                   // it is over: an outcome was published, or the question's row is stored
	handedOver                 // it is over: another part of the worker has the question and will release it
)

// A step does one thing with a question that was read. After an error the question is
// released unfinished, and its record is read again.
type step struct {
	name string
	do   func(*Worker, context.Context, *job) (progress, error)
}

// arrival returns the first steps of a question from the stream or the deferred queue.
func arrival() []step {
	return []step{
		{"wait behind the same question in progress", (*Worker).claim},
		{"store it for later if its camera floods the queue", (*Worker).overflowed},
	}
}

// acceptance returns the steps between a question's arrival and its answer. A question that
// waited behind the same one in progress begins here.
func acceptance() []step {
	return []step{
		{"publish a stored outcome again", (*Worker).repeat},
		{"note that it uses its upload", (*Worker).noteUpload},
		{"find its clip or footage", (*Worker).locate},
		{"store it for later if its camera, known only now, floods the queue", (*Worker).overflowed},
		{"wait for a slot", (*Worker).enqueue},
	}
}

// accept begins work on a question.
func (w *Worker) accept(ctx context.Context, j *job) {
	j.trace, j.disposition = w.cfg.Observer.Follow(j.question, j.at.Time, j.record.Headers), trace.Repeated
	w.proceed(ctx, j, slices.Concat(arrival(), acceptance()))
}

// proceed goes through steps until one ends the acceptance of j.
func (w *Worker) proceed(ctx context.Context, j *job, steps []step) {
	for _, s := range steps {
		then, err := s.do(w, ctx, j)
		if damaged(err) {
			then, err = finished, w.deadLetterOutcome(ctx, j, err)
		}
		switch {
		case err != nil:
			w.cfg.Log.Debug("a question is read again later", "question", j.question.ID, "step", s.name, "error", err)
			w.release(j, false)
			return
		case then == finished:
			w.release(j, true)
			return
		case then == handedOver:
			return
		}
	}
}

// release ends work on j: its record is done, or is read again. The next job about the
// same question, if one waits, is accepted.
func (w *Worker) release(j *job, done bool) {
	if j.row != nil {
		w.leases.remove(j.question.ID)
	}
	if j.delivery != nil && done {
		j.delivery.Done()
	} else if j.delivery != nil {
		j.delivery.Drop()
	}
	if !done {
		j.disposition = trace.Dropped
	}
	j.trace.End(j.disposition, j.answer)
	if waited := w.inProgress.remove(j); waited != nil {
		w.proceed(w.hard, waited, acceptance())
	}
}

// claim is the step that lets one job about a question proceed at a time.
func (w *Worker) claim(_ context.Context, j *job) (progress, error) {
	if !w.inProgress.add(j) {
		return handedOver, nil // release accepts it
	}
	return next, nil
}

// overflowed is the step that hands j to the overflow queue if it has to go there.
func (w *Worker) overflowed(_ context.Context, j *job) (progress, error) {
	if w.floods(j) {
		return handedOver, nil
	}
	return next, nil
}

// repeat is the step that ends j if its question has an outcome or a row already.
func (w *Worker) repeat(ctx context.Context, j *job) (progress, error) {
	var known store.Outcome
	var found bool
	err := w.retryUnavailable(ctx, "read an outcome", func() (err error) {
		known, found, err = w.cfg.Store.Outcome(ctx, j.question.ID)
		return err
	})
	switch {
	case err != nil:
		return finished, err
	case found && known.Request != j.request:
		return finished, w.conflict(ctx, j)
	case found && known.State != store.Waiting && !j.replays(known):
		return finished, w.publishStored(ctx, j, known)
	case found && j.row == nil:
		return finished, nil // its row is stored
	}
	return next, nil
}

func (w *Worker) noteUpload(ctx context.Context, j *job) (progress, error) {
	return next, w.useUpload(ctx, j)
}

// enqueue is the step that puts j into the admission queue. Questions that are dropped
// for it become dead letters.
func (w *Worker) enqueue(ctx context.Context, j *job) (progress, error) {
	j.dequeued = j.trace.Begin(trace.Queue)
	w.prefetch.askedOf(j.question.Model)
	dropped, ok := w.admission.put(j)
	if !ok {
		return finished, errClosed
	}
	for _, d := range dropped {
		d.dequeued(fault.Overloaded)
		d.queued = time.Time{} // it was not asked
		cause := fmt.Errorf("worker: ask %s: more than %d questions wait, and it says on_overload: drop: %w", d.question.ID, w.cfg.Queue, fault.Overloaded)
		w.release(d, w.deadLetterOutcome(ctx, d, cause) == nil)
	}
	return handedOver, nil
}

// errClosed says that the worker ends and takes no further question.
var errClosed = errors.New("worker: the admission queue is closed")

// replays reports whether j is to replace the stored dead letter.
func (j *job) replays(known store.Outcome) bool {
	return j.row != nil && j.row.Replaces != "" && known.State == store.Dead && j.row.Replaces == store.MessageHash(known.Message)
}

// locate is the step that finds what j is about. If that is missing, j waits for it or
// is dead.
func (w *Worker) locate(ctx context.Context, j *job) (progress, error) {
	var missing error
	err := w.retryUnavailable(ctx, "look for a clip", func() (err error) {
		j.target, missing, err = w.find(ctx, j.question)
		return err
	})
	waits := j.row != nil && j.row.For != "" && j.row.For != store.ForTurn // and was in time when it came
	waited := waits && !time.Now().Before(j.row.Until)
	switch {
	case err != nil:
		return finished, err
	case j.late() && !waits:
		return finished, w.deadLetterOutcome(ctx, j, fmt.Errorf("worker: ask %s: it was to be answered by %s: %w", j.question.ID, j.question.Deadline, fault.Deadline))
	case missing == nil, waited && j.target.recording != nil: // it is asked about what there is
		return next, nil
	case lasting(missing), waited:
		return finished, w.deadLetterOutcome(ctx, j, missing)
	}
	return finished, w.deferQuestion(ctx, j, missing)
}

// late reports whether j comes after its deadline. A replayed question has none: its
// operator wants an answer whatever the time.
func (j *job) late() bool {
	return j.question.Deadline != nil && j.question.Deadline.Before(time.Now()) && !j.replayed()
}

// A lost clip or range will not come; nothing waits for it.
type lost struct{ error }

func (g lost) Unwrap() error { return g.error }

func lasting(missing error) bool { return errors.As(missing, new(lost)) }

// find returns what q is about. missing says why there is nothing yet, or not all of it.
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

// deferQuestion stores j until its clip or footage comes. It may have come since the last
// look, so deferQuestion looks once more when the row is stored.
func (w *Worker) deferQuestion(ctx context.Context, j *job, missing error) error {
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
	if err := w.deferRow(ctx, j, row); err != nil {
		return err
	}
	return w.retryUnavailable(ctx, "look for a clip", func() error {
		_, missing, err := w.find(ctx, j.question)
		if err != nil || missing != nil && !lasting(missing) {
			return err
		}
		defer w.wakeDeferred()
		return w.cfg.Store.Wake(ctx, row.QuestionID)
	})
}

func (w *Worker) rowOf(j *job) store.Row {
	if j.row != nil {
		return *j.row
	}
	return store.Row{QuestionID: j.question.ID, Request: j.request, Record: j.record, FirstSeen: time.Now()}
}

// deferRow stores j's row, new or changed. If the question got an outcome meanwhile, that
// outcome counts.
func (w *Worker) deferRow(ctx context.Context, j *job, row store.Row) error {
	defer w.wakeDeferred()
	j.disposition = trace.Waiting
	if j.row != nil {
		err := w.retryUnavailable(ctx, "let a question wait", func() error { return w.cfg.Store.Again(ctx, row) })
		if damaged(err) {
			return w.deadLetterOutcome(ctx, j, err)
		}
		return err
	}
	var stored store.Outcome
	var fresh bool
	err := w.retryUnavailable(ctx, "let a question wait", func() (err error) {
		stored, fresh, err = w.cfg.Store.Wait(ctx, row)
		return err
	})
	switch {
	case damaged(err):
		return w.refuseDamaged(ctx, j, err)
	case err != nil:
		return err
	}
	return w.deferred(ctx, j, stored, fresh)
}

// deferred acts on what the store has of a question that was to wait.
func (w *Worker) deferred(ctx context.Context, j *job, stored store.Outcome, fresh bool) error {
	switch {
	case fresh:
		return nil
	case stored.Request != j.request:
		return w.conflict(ctx, j)
	case stored.State == store.Waiting:
		return nil
	}
	j.disposition = trace.Repeated
	return w.publishStored(ctx, j, stored)
}
