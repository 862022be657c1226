package worker

import (
	"context"
	"time"
)

// A Forgetter is an [Asker] with caches, which can evict the entries of a clip.
type Forgetter interface {
	Forget(ctx context.Context, clipID string) error
}

const (
	forgetEvery = 5 * time.Second
	forgetBack  = 24 * time.Hour // at a start: as long as shared caches may keep entries
	forgetLate  = time.Minute    // work in progress at a deletion may fill caches so long after it
	forgetMost  = 10_000         // deletions listed at a time
)

// runForget evicts the cache entries of deleted clips, whichever process deleted them, until
// ctx ends.
func (w *Worker) runForget(ctx context.Context) {
	forgetter, forgets := w.cfg.Asker.(Forgetter)
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for since := time.Now().Add(-forgetBack); ; {
		if forgets {
			since = w.forgetSince(ctx, forgetter, since)
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

// forgetSince evicts the entries of clips deleted since then, and returns since when to
// look the next time: from the first clip whose entries could not be evicted.
func (w *Worker) forgetSince(ctx context.Context, forgetter Forgetter, since time.Time) time.Time {
	again := time.Now().Add(-forgetLate)
	list, err := w.cfg.Store.DeletedSince(ctx, since, forgetMost)
	if err != nil {
		return since // readiness says what is wrong
	}
	for _, d := range list {
		if err := forgetter.Forget(ctx, d.ClipID); err != nil {
			w.cfg.Log.Warn("a deleted clip is still in the caches", "clip", d.ClipID, "error", err)
			return minTime(d.Seen, again)
		}
	}
	if len(list) == forgetMost {
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
