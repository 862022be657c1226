package worker

import (
	"context"

	"videoqa/answers/store"
	"videoqa/ingest"
)

const longestReason = 500 // characters of a reason, of a dead letter or of waiting

// keepLetter stores a dead letter that is no question's outcome before it is published, so
// that every dead letter on the topic is in the store too. A letter that the store will
// never take is on the topic only.
func (w *Worker) keepLetter(ctx context.Context, d ingest.DeadLetter) error {
	if d.Origin == nil {
		return nil
	}
	m, err := d.Message(w.cfg.Topics.DeadLetters, w.cfg.Group)
	if err != nil {
		return err
	}
	id := store.LetterID(*d.Origin)
	err = w.retryUnavailable(ctx, "keep a dead letter", func() error {
		return w.cfg.Store.KeepLetter(ctx, store.Letter{ID: id, Message: m.Bytes()})
	})
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.Warn("a dead letter is not in the store, only on its topic", "letter", id, "error", err)
		return nil
	}
	return err
}
