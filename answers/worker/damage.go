package worker

import (
	"context"
	"errors"
	"fmt"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/trace"
)

// damaged reports whether err concerns one record of the store, and not the whole store.
func damaged(err error) bool {
	return errors.Is(err, fault.Damaged) && !errors.Is(err, fault.Unavailable)
}

// refuseDamaged accounts for a question whose stored outcome is damaged. Another
// answer must not take its place, since the first one may have been read. The dead
// letter is published, but is not stored as an outcome.
func (w *Worker) refuseDamaged(ctx context.Context, j *job, cause error) error {
	w.cfg.Log.Error("a stored outcome is damaged", "question", j.question.ID, "error", cause)
	j.disposition = trace.Refused
	if err := w.publishDead(trace.With(ctx, j.trace), w.deadLetter(j, fmt.Errorf("worker: ask %s: %w", j.question.ID, cause))); err != nil {
		return err
	}
	return w.clear(ctx, j)
}

// endDamaged accounts for a question whose row in the deferred queue is damaged: there is
// nothing left to ask. If it has an outcome, that is published.
func (w *Worker) endDamaged(ctx context.Context, row store.Row) {
	w.cfg.Log.Error("a waiting question is damaged", "question", row.QuestionID, "error", row.Damage)
	letter := w.refusal(ingest.Record{}, ingest.Question{ID: row.QuestionID}, fmt.Errorf("worker: ask %s: %w", row.QuestionID, row.Damage))
	m, err := letter.Message(w.cfg.Topics.DeadLetters, w.cfg.Group)
	if err == nil {
		err = w.retryUnavailable(ctx, "account for a damaged question", func() error { return w.endDamagedOnce(ctx, row.QuestionID, m) })
	}
	if err == nil {
		err = w.retryUnavailable(ctx, "clear a damaged question", func() error { return w.cfg.Store.Leave(ctx, row.QuestionID) })
	}
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.Error("a damaged question stays in the deferred queue", "question", row.QuestionID, "error", err)
	}
}

// endDamagedOnce makes letter the outcome of a question that waits, and publishes the
// question's outcome.
func (w *Worker) endDamagedOnce(ctx context.Context, id string, letter ingest.Message) error {
	stored, found, err := w.cfg.Store.Outcome(ctx, id)
	if err == nil && found && stored.State == store.Waiting {
		stored, _, err = w.cfg.Store.Settle(ctx, store.Outcome{QuestionID: id, Request: stored.Request, State: store.Dead, Message: letter.Bytes()})
	}
	if err == nil && found && stored.State == store.Erased {
		return nil
	}
	m := letter // published if there is no readable outcome
	if err == nil && found {
		m, err = ingest.ParseMessage(stored.Message)
	}
	if err != nil && !damaged(err) {
		return err
	}
	return w.cfg.Stream.Publish(ctx, m)
}
