package worker

import (
	"context"
	"fmt"
	"slices"

	"videoqa/ingest"
	"videoqa/internal/fault"
)

// admit lets a batch in, alone if it has to be.
func (w *Worker) admit(ctx context.Context, b *batch) (leave func(looked bool), err error) {
	var alone bool
	err = w.insist(ctx, "look for suspicions", func() (err error) {
		alone, err = w.suspicion(ctx, b)
		return err
	})
	if err == nil && alone {
		err = w.sift(ctx, b)
	}
	if err != nil {
		return nil, err
	}
	return w.enter(ctx, b, alone)
}

// sift finds out which suspect clips of a range are to blame, by looking at each of
// them alone, and leaves those out that were at two exits; the range is asked about
// without them. It returns [fault.CrashedWorker] if none is left.
func (w *Worker) sift(ctx context.Context, b *batch) error {
	r := b.target.recording
	if r == nil {
		return nil
	}
	var kept []ingest.Clip
	for _, c := range r.clips {
		blamed, err := w.tryClip(ctx, c)
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

// tryClip looks at a clip of a range, alone, if it is suspect, and says whether it is
// to blame. What goes wrong otherwise is said when the range is asked about.
func (w *Worker) tryClip(ctx context.Context, c ingest.Clip) (blamed bool, err error) {
	var suspect bool
	key := "clip " + c.ID
	err = w.insist(ctx, "look for suspicions", func() (err error) {
		if _, suspect, err = w.cfg.Store.Claimed(ctx, "suspect "+key); err == nil && suspect {
			_, blamed, err = w.cfg.Store.Claimed(ctx, "alone 2 "+key)
		}
		return err
	})
	warmer, can := w.cfg.Asker.(Warmer)
	if err != nil || !suspect || blamed || !can {
		return blamed, err
	}
	return false, w.within(ctx, &batch{target: target{clip: c}}, true, func(ctx context.Context) (looked bool, err error) {
		file, err := w.openClip(ctx, c)
		if err != nil {
			return false, nil // as said above
		}
		defer file.Close()
		_ = warmer.Warm(ctx, w.clipSubject(c, file), "") // likewise
		return true, nil
	})
}
