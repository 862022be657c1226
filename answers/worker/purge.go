package worker

import (
	"context"
	"time"
)

// A Forgetter is an [Asker] that remembers something of the clips that it was
// asked about, and can forget it.
type Forgetter interface {
	Forget(ctx context.Context, clipID string) error
}

const (
	purgeEvery = 5 * time.Second
	purgeBack  = 24 * time.Hour // at a start: as long as what is remembered may stay where processes share it
	purgeLate  = time.Minute    // what was under way at a deletion may be remembered so long after it
	purgeMost  = 10_000         // deletions listed at a time
)

// purge has what was deleted forgotten, whichever process was told of it, until
// ctx ends.
func (w *Worker) purge(ctx context.Context) {
	forgetter, forgets := w.cfg.Asker.(Forgetter)
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for since := time.Now().Add(-purgeBack); ; {
		if forgets {
			since = w.purgeSince(ctx, forgetter, since)
		}
		w.clearUploads(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.deleted:
		}
	}
}

// clearUploads removes the uploads that nothing uses any more.
func (w *Worker) clearUploads(ctx context.Context) {
	if w.cfg.Uploads == nil {
		return
	}
	if err := w.cfg.Uploads.Clear(ctx); err != nil && ctx.Err() == nil {
		w.cfg.Log.Warn("uploads that nothing uses are not removed yet", "error", err)
	}
}

// purgeSince has forgotten what was deleted since then, and returns since when to
// look the next time: again from the first that could not be forgotten.
func (w *Worker) purgeSince(ctx context.Context, forgetter Forgetter, since time.Time) time.Time {
	again := time.Now().Add(-purgeLate)
	list, err := w.cfg.Store.DeletedSince(ctx, since, purgeMost)
	if err != nil {
		return since // readiness says what is wrong
	}
	for _, d := range list {
		if err := forgetter.Forget(ctx, d.ClipID); err != nil {
			w.cfg.Log.Warn("a deleted clip is not forgotten yet", "clip", d.ClipID, "error", err)
			return minTime(d.Seen, again)
		}
	}
	if len(list) == purgeMost {
		return list[len(list)-1].Seen
	}
	return again
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
