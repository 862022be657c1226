package answers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"videoqa/frames"
	"videoqa/frames/features"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/temporal"
)

// Footage is what questions about a range of a camera's time look at: moments of
// [From, To) on the grid of [temporal.Grid], in whichever clip shows them.
type Footage struct {
	Camera   string
	From, To time.Time
	Clips    []FootageClip // that show some of it
	Notes    []ingest.Note // what is known to be wrong with it

	// A clip that cannot be had or read is left out, and the answer says degraded;
	// but with Again, one that may be had later makes the call fail.
	Again bool

	Words Words // as a [Subject]'s
}

// A FootageClip is one recording. Open is called at most once a call and number of
// frames, and only if one of the moments is the clip's.
type FootageClip struct {
	ID         string
	Start, End time.Time
	Open       func(ctx context.Context) (Media, error)
}

// Media is what Open gives.
type Media struct {
	Reader io.ReaderAt
	Size   int64
	Digest string // "sha256:…" of Reader's bytes
	Limits frames.Limits

	Unchanged func() error // as a [Subject]'s
	Close     func() error
}

// AskFootage is [Service.Ask] about a range of time. It also returns
// [fault.NoFootage] if no clip shows anything of it, and if none of those that do
// can be read, what is wrong with the first.
func (s *Service) AskFootage(ctx context.Context, f Footage, questions []ingest.Question) ([]Result, error) {
	return s.ask(ctx, questions, job{words: f.Words, footage: &f})
}

// gathered is what a job about footage works with.
type gathered struct {
	spots   []spot
	media   map[int]Media // opened, by clip of the footage
	digests map[int]string
	leftOut []int // clips
	wrong   error // of the first clip that is left out
}

// A spot is a moment that is looked at.
type spot struct {
	clip   int // of the footage
	at     time.Duration
	key    string
	looked looked
	found  bool
	vector []float32
	pixels frames.Picture
}

// looked is what a moment of a clip gave.
type looked struct {
	look
	notes []ingest.Note
}

// gather chooses the moments, opens the clips that show them, and recalls those
// that were looked at before.
func (j *job) gather(ctx context.Context) error {
	f := j.footage
	stretches := make([]temporal.Stretch, len(f.Clips))
	for i, c := range f.Clips {
		stretches[i] = temporal.Stretch{Start: c.Start, End: c.End}
	}
	_, moments := temporal.Grid(stretches, f.From, f.To, j.count)
	if len(moments) == 0 {
		return fmt.Errorf("none of %d clips shows anything of %v to %v: %w", len(f.Clips), f.From, f.To, fault.NoFootage)
	}
	j.seen.notes = slices.Clone(f.Notes)
	j.media, j.digests = map[int]Media{}, map[int]string{}
	for _, m := range moments {
		if err := j.open(ctx, m.Stretch); err != nil {
			return err
		}
		if media, ok := j.media[m.Stretch]; ok {
			j.spots = append(j.spots, j.recallMoment(ctx, media, m))
		}
	}
	return nil
}

// open opens a clip, once, or leaves it out.
func (j *job) open(ctx context.Context, clip int) error {
	if _, tried := j.media[clip]; tried || slices.Contains(j.leftOut, clip) {
		return nil
	}
	media, err := j.footage.Clips[clip].Open(ctx)
	if err != nil {
		return j.leaveOut(ctx, clip, err)
	}
	j.media[clip], j.digests[clip] = media, media.Digest
	return nil
}

// leaveOut goes on without a clip, unless it may be had later.
func (j *job) leaveOut(ctx context.Context, clip int, err error) error {
	err = fmt.Errorf("clip %s: %w", j.footage.Clips[clip].ID, err)
	if ctx.Err() != nil || errors.Is(err, fault.Unavailable) || j.footage.Again && fault.Judge(err).Retry {
		return err
	}
	if j.wrong == nil {
		j.wrong = err
	}
	j.leftOut = append(j.leftOut, clip)
	j.note(ingest.Degraded)
	return nil
}

// note adds a note, once.
func (j *job) note(n ingest.Note) {
	if !slices.Contains(j.seen.notes, n) {
		j.seen.notes = append(j.seen.notes, n)
	}
}

func (j *job) recallMoment(ctx context.Context, media Media, m temporal.Moment) spot {
	s := spot{clip: m.Stretch, at: m.At}
	s.key = features.Key(media.Digest, frames.Revision, "at", m.At.String(), j.preparation())
	j.s.holdings.add(j.footage.Clips[m.Stretch].ID, moment, s.key)
	known, ok := j.s.moments.GetIfPresent(s.key)
	if !ok {
		return s
	}
	if vectors, have := j.features().Have(ctx, []string{j.featureKey(known.digest)}); have {
		s.looked, s.vector, s.found = known, vectors[0], true
	}
	return s
}

// decodeMoments takes what is not known from the clips, and lists what is looked at.
func (j *job) decodeMoments(ctx context.Context) error {
	for _, clip := range slices.Sorted(maps.Keys(j.media)) {
		if err := j.decodeClip(ctx, clip, j.media[clip]); err != nil {
			return err
		}
	}
	for _, s := range j.spots {
		if s.found {
			j.look(s)
		}
	}
	if len(j.seen.looks) == 0 {
		return j.wrong
	}
	if len(j.seen.looks) < j.count {
		j.note(ingest.FewerFrames)
	}
	return nil
}

func (j *job) closeMedia() {
	for _, m := range j.media {
		if m.Close != nil {
			m.Close() // it was only read
		}
	}
	j.media = nil
}

// decodeClip decodes the moments of one clip that are not known.
func (j *job) decodeClip(ctx context.Context, clip int, media Media) error {
	var missing []int
	var plan frames.Plan
	for i, s := range j.spots {
		if s.clip == clip && !s.found {
			missing, plan.At = append(missing, i), append(plan.At, s.at)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var pictures []frames.Picture
	var report frames.Report
	err := j.s.slow.decoding(ctx, features.Key(media.Digest, fmt.Sprint(plan.At)), func() (err error) {
		pictures, report, err = frames.Sample(ctx, media.Reader, media.Size, plan, media.Limits)
		return err
	})
	if ctx.Err() != nil {
		return context.Cause(ctx) // a clip that takes too long is left out at the next attempt
	}
	j.s.taken.add(pictures, report)
	if media.Unchanged != nil { // before an error: that may come of it
		err = cmp.Or(media.Unchanged(), err)
	}
	if err != nil {
		return j.leaveOut(ctx, clip, err)
	}
	for n, i := range missing {
		s := &j.spots[i]
		if s.pixels, s.looked.look, err = j.prepare(pictures[report.Shown[n]]); err != nil {
			return j.leaveOut(ctx, clip, err)
		}
		if report.Instead[n] {
			s.looked.notes = append(s.looked.notes, ingest.Degraded)
		}
		if report.NoToneMapping {
			s.looked.notes = append(s.looked.notes, ingest.NoToneMapping)
		}
		if report.ClockJump {
			s.looked.notes = append(s.looked.notes, ingest.ClockJump)
		}
		s.found = true
		j.s.moments.Set(s.key, s.looked)
	}
	return nil
}

// look adds a spot to what is looked at, unless its picture is there already.
func (j *job) look(s spot) {
	c := j.footage.Clips[s.clip]
	l := s.looked.look
	l.clip = slices.IndexFunc(j.clips, func(seen ingest.SeenClip) bool { return seen.ID == c.ID })
	if l.clip < 0 {
		start := ingest.NewTime(c.Start)
		l.clip = len(j.clips)
		j.clips = append(j.clips, ingest.SeenClip{ID: c.ID, Digest: j.digests[s.clip], Start: &start})
	}
	if slices.ContainsFunc(j.seen.looks, func(o look) bool { return o.clip == l.clip && o.pts == l.pts }) {
		return
	}
	j.seen.looks = append(j.seen.looks, l)
	j.vectors, j.pixels = append(j.vectors, s.vector), append(j.pixels, s.pixels)
	for _, n := range s.looked.notes {
		j.note(n)
	}
}
