package worker

import (
	"context"
	"fmt"
	"slices"

	"videoqa/ingest"
	"videoqa/internal/fault"
)

// enterJournal lets a batch run, in isolation if its media are quarantined.
func (w *Worker) enterJournal(ctx context.Context, b *batch) (leave func(decoded bool), err error) {
	var alone bool
	err = w.retryUnavailable(ctx, "read the quarantine", func() (err error) {
		alone, err = w.quarantined(ctx, b)
		return err
	})
	if err == nil && alone {
		err = w.isolateClips(ctx, b)
	}
	if err != nil {
		return nil, err
	}
	return w.enter(ctx, b, alone)
}

// isolateClips decodes each quarantined clip of a range in isolation, to find the one that
// crashes the process. It takes clips that crashed twice out of the range, which is then
// asked about without them. It returns [fault.CrashedWorker] if none is left.
func (w *Worker) isolateClips(ctx context.Context, b *batch) error {
	r := b.target.recording
	if r == nil {
		return nil
	}
	var kept []ingest.Clip
	for _, c := range r.clips {
		blamed, err := w.isolateClip(ctx, c)
		if err != nil {
			return err
		}
		if !blamed {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return fmt.Errorf("worker: ask: the process ended twice while it worked on each clip of the range and nothing else: %w", fault.CrashedWorker)
	}
	r.leftOut = r.leftOut || len(kept) < len(r.clips)
	r.clips = slices.Clip(kept)
	return nil
}

// isolateClip decodes a quarantined clip of a range in isolation, and says whether the clip
// crashed the process twice. Other errors are left for the question about the range.
func (w *Worker) isolateClip(ctx context.Context, c ingest.Clip) (blamed bool, err error) {
	var suspect bool
	key := "clip " + c.ID
	err = w.retryUnavailable(ctx, "read the quarantine", func() (err error) {
		if _, suspect, err = w.cfg.Store.Claimed(ctx, "suspect "+key); err == nil && suspect {
			_, blamed, err = w.cfg.Store.Claimed(ctx, "alone 2 "+key)
		}
		return err
	})
	warmer, can := w.cfg.Asker.(Warmer)
	if err != nil || !suspect || blamed || !can {
		return blamed, err
	}
	return false, w.within(ctx, &batch{target: target{clip: c}}, true, func(ctx context.Context) (decoded bool, err error) {
		file, err := w.openClip(ctx, c)
		if err != nil {
			return false, nil // reported by the question
		}
		defer file.Close()
		_ = warmer.Warm(ctx, w.clipSubject(c, file), "") // likewise
		return true, nil
	})
}
