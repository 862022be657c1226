package answers

import (
	"cmp"
	"context"

	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/trace"
	"videoqa/temporal"
)

// A clipSource is one clip, a span of one, or a still picture.
type clipSource struct{ Subject }

func (s Subject) source() source { return clipSource{s} }

func (c clipSource) steps(j *job) []step {
	return []step{
		{"look the clip up", trace.Recall, new(float64), func(ctx context.Context) error { return c.recall(ctx, j) }},
		j.slot(),
		{"decode", trace.Decode, &j.cost.DecodeMS, func(ctx context.Context) error { return c.decode(ctx, j) }},
	}
}

func (c clipSource) fairnessKey() string { return cmp.Or(c.Camera, c.clipID()) }

// recall finds a clip in the caches: its frames, with their prefix or all their features.
func (c clipSource) recall(ctx context.Context, j *job) error {
	j.s.entries.add(c.ClipID, planEntry, j.planKey(c.Subject)) // for whichever question it was decoded first
	known, ok := j.s.plans.GetIfPresent(j.planKey(c.Subject))
	if !ok {
		return nil
	}
	still := known.length == 0
	if id, err := j.prefixKey(known, still); err == nil {
		if p, ok := j.s.prefixes.Peek(id); ok { // then features need not be read; counted below
			j.used, j.still, j.prefix = known, still, p
			return nil
		}
	}
	if vectors, ok := j.features().Have(ctx, j.featureKeys(known)); ok {
		j.used, j.vectors, j.still = known, vectors, still
	}
	return nil
}

// decode takes the pictures from the clip and prepares them for the model.
func (c clipSource) decode(ctx context.Context, j *job) error {
	if j.vectors != nil || j.prefix != nil {
		return nil
	}
	var pictures []frames.Picture
	err := j.s.slow.decoding(ctx, j.planKey(c.Subject), func() (err error) {
		pictures, err = c.pictures(ctx, j)
		return err
	})
	if changed := c.Unchanged; changed != nil { // before an error: that may come of it
		err = cmp.Or(changed(), err)
	}
	if err != nil {
		return err
	}
	for i, p := range pictures {
		var l usedFrame
		if pictures[i], l, err = j.prepare(p); err != nil {
			return err
		}
		j.used.frames = append(j.used.frames, l)
	}
	j.pixels, j.vectors = pictures, make([][]float32, len(pictures))
	return nil
}

// pictures reads the wanted frames of a clip, or the one picture of a still.
func (c clipSource) pictures(ctx context.Context, j *job) ([]frames.Picture, error) {
	plan := frames.Plan{Count: j.count, From: c.From, To: c.To}
	var pictures []frames.Picture
	var report frames.Report
	var err error
	if c.Index != nil {
		pictures, report, err = c.Index.Sample(ctx, c.Reader, plan)
	} else {
		pictures, report, err = frames.Decode(ctx, c.Reader, c.Size, plan, c.Limits)
	}
	j.s.taken.add(pictures, report)
	j.still = report.Still
	j.used.length = temporal.NewSeconds(report.Duration.Microseconds(), 1, 1e6)
	j.used.notes = Notes(report)
	return pictures, err
}

func (c clipSource) remember(j *job) { j.s.plans.Set(j.planKey(c.Subject), j.used) }

// clipOf is the id that the clip was given, if it was: what has none cannot be forgotten by it.
func (c clipSource) clipOf(usedFrame) string { return c.ClipID }

func (c clipSource) media() Subject { return c.Subject }

func (c clipSource) describe(j *job, a *ingest.Answer) {
	clip := ingest.SeenClip{ID: c.clipID(), Digest: c.Digest, Start: c.Start}
	a.Sampling.Policy, a.Camera, a.Clips = "uniform", c.Camera, []ingest.SeenClip{clip}
	a.Start, a.End = clock(clip, temporal.NewSeconds(c.From.Microseconds(), 1, 1e6)), clock(clip, c.end(j.used.length))
}

// end is where the span ends in a clip of that length.
func (c clipSource) end(length temporal.Seconds) temporal.Seconds {
	if to := temporal.NewSeconds(c.To.Microseconds(), 1, 1e6); to > 0 && to < length {
		return to
	}
	return length
}

// close leaves the reader, which is borrowed.
func (c clipSource) close() {}
