package worker

import (
	"context"
	"errors"
	"fmt"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/trail"
)

// damaged tells whether err is about one record of the store, and not about all of it.
func damaged(err error) bool {
	return errors.Is(err, fault.Damaged) && !errors.Is(err, fault.Unavailable)
}

// refuseDamaged accounts for a question whose stored outcome is damaged. Another
// answer must not take its place, since the first may have been read. The dead
// letter is nobody's outcome.
func (w *Worker) refuseDamaged(ctx context.Context, j *job, cause error) error {
	w.cfg.Log.Error("a stored outcome is damaged", "question", j.question.ID, "error", cause)
	j.fate = trail.Refused
	if err := w.publishDead(trail.With(ctx, j.trail), w.deadLetter(j, fmt.Errorf("worker: ask %s: %w", j.question.ID, cause))); err != nil {
		return err
	}
	return w.leave(ctx, j)
}

// bury accounts for a question whose row in the waiting room is damaged: there is
// nothing left to ask. An outcome that it has is published, as it would have been.
func (w *Worker) bury(ctx context.Context, row store.Row) {
	w.cfg.Log.Error("a waiting question is damaged", "question", row.QuestionID, "error", row.Damage)
	letter := w.refusal(ingest.Record{}, ingest.Question{ID: row.QuestionID}, fmt.Errorf("worker: ask %s: %w", row.QuestionID, row.Damage))
	m, err := letter.Message(w.cfg.Topics.DeadLetters, w.cfg.Group)
	if err == nil {
		err = w.insist(ctx, "account for a damaged question", func() error { return w.buryOnce(ctx, row.QuestionID, m) })
	}
	if err == nil {
		err = w.insist(ctx, "clear a damaged question", func() error { return w.cfg.Store.Leave(ctx, row.QuestionID) })
	}
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.Error("a damaged question stays in the waiting room", "question", row.QuestionID, "error", err)
	}
}

// buryOnce makes letter the outcome of a question that waits, and publishes what its
// outcome is now.
func (w *Worker) buryOnce(ctx context.Context, id string, letter ingest.Message) error {
	stored, found, err := w.cfg.Store.Outcome(ctx, id)
	if err == nil && found && stored.State == store.Waiting {
		stored, _, err = w.cfg.Store.Settle(ctx, store.Outcome{QuestionID: id, Request: stored.Request, State: store.Dead, Message: letter.Bytes()})
	}
	if err == nil && found && stored.State == store.Erased {
		return nil
	}
	m := letter // what is published if there is no outcome, or none that can be read
	if err == nil && found {
		m, err = ingest.ParseMessage(stored.Message)
	}
	if err != nil && !damaged(err) {
		return err
	}
	return w.cfg.Stream.Publish(ctx, m)
}
