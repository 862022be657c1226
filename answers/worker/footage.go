package worker

import (
	"context"
	"fmt"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// findFootage gathers the clips that overlap q's range. The range is complete once
// the camera's recording has come to its end.
func (w *Worker) findFootage(ctx context.Context, q ingest.Question) (t target, missing, err error) {
	w.ahead.asked(q.Camera, q.End.Sub(q.Start.Time))
	reached, known, err := w.cfg.Store.Reached(ctx, q.Camera) // before the clips are listed, lest one that comes between is missed
	if err != nil {
		return t, nil, err
	}
	clips, err := w.cfg.Store.Overlapping(ctx, q.Camera, q.Start.Time, q.End.Time)
	complete := known && !reached.Before(q.End.Time)
	switch {
	case err != nil:
		return t, nil, err
	case len(clips) == store.MostClips:
		return t, lost{fmt.Errorf("worker: ask %s: %s to %s of %s are %d clips or more: %w", q.ID, q.Start, q.End, q.Camera, store.MostClips, fault.TooLarge)}, nil
	case len(clips) > 0:
		t.footage = &Footage{Camera: q.Camera, From: q.Start.Time, To: q.End.Time, Clips: clips, Incomplete: !complete}
	}
	switch {
	case complete && t.footage != nil:
		return t, nil, nil
	case complete:
		missing = fmt.Errorf("worker: ask %s: no clip of %s shows anything from %s to %s", q.ID, q.Camera, q.Start, q.End)
	case known:
		missing = fmt.Errorf("worker: ask %s: the recording of %s has come to %s, and the range ends at %s", q.ID, q.Camera, ingest.NewTime(reached), q.End)
	default:
		missing = fmt.Errorf("worker: ask %s: no event has said yet up to when %s was recorded", q.ID, q.Camera)
	}
	hint, err := w.footageHint(ctx, q.Camera)
	if err != nil {
		return t, nil, err
	}
	missing = fmt.Errorf("%w; %s: %w", missing, hint, fault.NoFootage)
	if complete {
		missing = lost{missing}
	}
	return t, missing, nil
}

// footageHint says what a camera's clips lack to be found in a range of time, or to
// end one, and how to give it.
func (w *Worker) footageHint(ctx context.Context, camera string) (string, error) {
	page, err := w.cfg.Store.ListClips(ctx, store.ClipQuery{Camera: camera, Untimed: true, Limit: 1})
	switch {
	case err != nil:
		return "", err
	case len(page.Clips) == 0:
		return "register clips of it with start and end, or end the recording by a videoqa.clip.closed.v1 event with camera and end (over HTTP POST /v1/clips/{clip_id}/close)", nil
	case page.Clips[0].Start == nil:
		return fmt.Sprintf("clip %s of it has no start, and so is in no range of time: register it again with start and end", page.Clips[0].ID), nil
	}
	return fmt.Sprintf("clip %[1]s of it has no end, and so is in no range of time: register it again with end, or close it by a videoqa.clip.closed.v1 event with end (over HTTP POST /v1/clips/%[1]s/close)", page.Clips[0].ID), nil
}
