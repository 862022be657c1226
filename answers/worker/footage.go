package worker

import (
	"context"
	"fmt"
	"time"

	"videoqa/answers"
	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

// A recording is a range of a camera's time, with the clips that overlap it.
type recording struct {
	camera     string
	from, to   time.Time
	clips      []ingest.Clip // by start
	incomplete bool          // more of it may still come
	leftOut    bool          // clips that crashed a process twice are not among clips
}

// footage returns r as a subject for the Asker, which opens only the clips that it needs.
// With again, a clip that cannot be opened now is worth another attempt.
func (w *Worker) footage(r *recording, again bool, open func(context.Context, ingest.Clip) (*media.File, error)) answers.Footage {
	f := answers.Footage{Camera: r.camera, From: r.from, To: r.to, Again: again}
	if r.incomplete {
		f.Notes = append(f.Notes, ingest.Incomplete)
	}
	if r.leftOut {
		f.Notes = append(f.Notes, ingest.Degraded)
	}
	for _, c := range r.clips {
		f.Clips = append(f.Clips, answers.FootageClip{ID: c.ID, Start: c.Start.Time, End: c.End.Time, Open: func(ctx context.Context) (answers.Media, error) {
			file, err := open(ctx, c)
			if err != nil {
				return answers.Media{}, err
			}
			return answers.Media{Reader: file, Size: file.Size(), Digest: file.Digest(), Limits: w.cfg.Limits(c), Unchanged: file.Unchanged, Close: file.Close}, nil
		}})
	}
	return f
}

// clipSubject returns a clip as a subject for the Asker.
func (w *Worker) clipSubject(c ingest.Clip, file *media.File) answers.Subject {
	return answers.Subject{
		ClipID: c.ID, Camera: c.Camera, Start: c.Start,
		Reader: file, Size: file.Size(), Digest: file.Digest(), Limits: w.cfg.Limits(c), Unchanged: file.Unchanged,
	}
}

// findFootage gathers the clips that overlap q's range. The range is complete once
// the camera's recording has come to its end.
func (w *Worker) findFootage(ctx context.Context, q ingest.Question) (t target, missing, err error) {
	w.prefetch.asked(q.Camera, q.End.Sub(q.Start.Time))
	reached, known, err := w.cfg.Store.Reached(ctx, q.Camera) // before the clips are listed, so that a clip that comes between is not missed
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
		t.recording = &recording{camera: q.Camera, from: q.Start.Time, to: q.End.Time, clips: clips, incomplete: !complete}
	}
	switch {
	case complete && t.recording != nil:
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

// footageHint says what a camera's clips lack to be in a range of time, or to end one, and
// how to provide it.
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
