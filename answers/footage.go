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
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/trace"
	"videoqa/temporal"
)

// Footage is the subject of questions about a range of a camera's time: moments of
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

// A footageSource is a range of a camera's time, with what one job found of it.
type footageSource struct {
	Footage
	moments []gridMoment
	clips   []ingest.SeenClip // of the frames used
	opened  map[int]Media     // by clip of the footage
	digests map[int]string
	leftOut []int // clips
	wrong   error // of the first clip that is left out
}

func (f Footage) source() source { return &footageSource{Footage: f} }

func (f *footageSource) steps(j *job) []step {
	return []step{
		j.slot(),
		{"fetch", trace.Fetch, &j.cost.FetchMS, func(ctx context.Context) error { return f.gather(ctx, j) }},
		{"decode", trace.Decode, &j.cost.DecodeMS, func(ctx context.Context) error { return f.decode(ctx, j) }},
	}
}

func (f *footageSource) fairnessKey() string { return f.Camera }

// remember does nothing: each moment was remembered when it was decoded.
func (f *footageSource) remember(*job) {}

func (f *footageSource) clipOf(l usedFrame) string { return f.clips[l.clip].ID }

func (f *footageSource) media() Subject { return Subject{} }

func (f *footageSource) describe(_ *job, a *ingest.Answer) {
	from, to := ingest.NewTime(f.From), ingest.NewTime(f.To)
	a.Sampling.Policy, a.Camera, a.Clips, a.Start, a.End = "grid", f.Camera, f.clips, &from, &to
}

// A gridMoment is a moment of the range that the answer uses.
type gridMoment struct {
	clip    int // of the footage
	at      time.Duration
	key     string
	decoded decodedMoment
	found   bool
	vector  []float32
	pixels  frames.Picture
}

// A decodedMoment is the frame that a clip shows at a moment.
type decodedMoment struct {
	usedFrame
	notes []ingest.Note
}

// gather chooses the moments, opens the clips that show them, and finds the moments that the
// caches have.
func (f *footageSource) gather(ctx context.Context, j *job) error {
	stretches := make([]temporal.Stretch, len(f.Clips))
	for i, c := range f.Clips {
		stretches[i] = temporal.Stretch{Start: c.Start, End: c.End}
	}
	_, moments := temporal.Grid(stretches, f.From, f.To, j.count)
	if len(moments) == 0 {
		return fmt.Errorf("none of %d clips shows anything of %v to %v: %w", len(f.Clips), f.From, f.To, fault.NoFootage)
	}
	j.used.notes = slices.Clone(f.Notes)
	f.opened, f.digests = map[int]Media{}, map[int]string{}
	for _, m := range moments {
		if err := f.open(ctx, j, m.Stretch); err != nil {
			return err
		}
		if media, ok := f.opened[m.Stretch]; ok {
			f.moments = append(f.moments, f.recall(ctx, j, media, m))
		}
	}
	return nil
}

// open opens a clip, once, or leaves it out.
func (f *footageSource) open(ctx context.Context, j *job, clip int) error {
	if _, tried := f.opened[clip]; tried || slices.Contains(f.leftOut, clip) {
		return nil
	}
	media, err := f.Clips[clip].Open(ctx)
	if err != nil {
		return f.leaveOut(ctx, j, clip, err)
	}
	f.opened[clip], f.digests[clip] = media, media.Digest
	return nil
}

// leaveOut goes on without a clip, unless it may be had later.
func (f *footageSource) leaveOut(ctx context.Context, j *job, clip int, err error) error {
	err = fmt.Errorf("clip %s: %w", f.Clips[clip].ID, err)
	if ctx.Err() != nil || errors.Is(err, fault.Unavailable) || f.Again && fault.Judge(err).Retry {
		return err
	}
	if f.wrong == nil {
		f.wrong = err
	}
	f.leftOut = append(f.leftOut, clip)
	j.note(ingest.Degraded)
	return nil
}

// note adds a note, once.
func (j *job) note(n ingest.Note) {
	if !slices.Contains(j.used.notes, n) {
		j.used.notes = append(j.used.notes, n)
	}
}

func (f *footageSource) recall(ctx context.Context, j *job, media Media, m temporal.Moment) gridMoment {
	s := gridMoment{clip: m.Stretch, at: m.At}
	s.key = j.momentKey(media.Digest, m.At)
	j.s.entries.add(f.Clips[m.Stretch].ID, momentEntry, s.key)
	known, ok := j.s.moments.GetIfPresent(s.key)
	if !ok {
		return s
	}
	if vectors, have := j.features().Have(ctx, []string{j.featureKey(known.digest)}); have {
		s.decoded, s.vector, s.found = known, vectors[0], true
	}
	return s
}

// decode decodes the moments that the caches do not have, and lists the frames used.
func (f *footageSource) decode(ctx context.Context, j *job) error {
	for _, clip := range slices.Sorted(maps.Keys(f.opened)) {
		if err := f.decodeClip(ctx, j, clip, f.opened[clip]); err != nil {
			return err
		}
	}
	for _, s := range f.moments {
		if s.found {
			f.use(j, s)
		}
	}
	if len(j.used.frames) == 0 {
		return f.wrong
	}
	if len(j.used.frames) < j.count {
		j.note(ingest.FewerFrames)
	}
	return nil
}

func (f *footageSource) close() {
	for _, m := range f.opened {
		if m.Close != nil {
			m.Close() // it was only read
		}
	}
	f.opened = nil
}

// decodeClip decodes the moments of one clip that are not known.
func (f *footageSource) decodeClip(ctx context.Context, j *job, clip int, media Media) error {
	var missing []int
	var plan frames.Plan
	for i, s := range f.moments {
		if s.clip == clip && !s.found {
			missing, plan.At = append(missing, i), append(plan.At, s.at)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var pictures []frames.Picture
	var report frames.Report
	err := j.s.slow.decoding(ctx, momentsKey(media.Digest, plan.At), func() (err error) {
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
		return f.leaveOut(ctx, j, clip, err)
	}
	for n, i := range missing {
		s := &f.moments[i]
		if s.pixels, s.decoded.usedFrame, err = j.prepare(pictures[report.Shown[n]]); err != nil {
			return f.leaveOut(ctx, j, clip, err)
		}
		if report.Instead[n] {
			s.decoded.notes = append(s.decoded.notes, ingest.Degraded)
		}
		if report.NoToneMapping {
			s.decoded.notes = append(s.decoded.notes, ingest.NoToneMapping)
		}
		if report.ClockJump {
			s.decoded.notes = append(s.decoded.notes, ingest.ClockJump)
		}
		s.found = true
		j.s.moments.Set(s.key, s.decoded)
	}
	return nil
}

// use adds a moment to the frames used, unless its picture is among them already.
func (f *footageSource) use(j *job, s gridMoment) {
	c := f.Clips[s.clip]
	l := s.decoded.usedFrame
	l.clip = slices.IndexFunc(f.clips, func(seen ingest.SeenClip) bool { return seen.ID == c.ID })
	if l.clip < 0 {
		start := ingest.NewTime(c.Start)
		l.clip = len(f.clips)
		f.clips = append(f.clips, ingest.SeenClip{ID: c.ID, Digest: f.digests[s.clip], Start: &start})
	}
	if slices.ContainsFunc(j.used.frames, func(o usedFrame) bool { return o.clip == l.clip && o.pts == l.pts }) {
		return
	}
	j.used.frames = append(j.used.frames, l)
	j.vectors, j.pixels = append(j.vectors, s.vector), append(j.pixels, s.pixels)
	for _, n := range s.decoded.notes {
		j.note(n)
	}
}
