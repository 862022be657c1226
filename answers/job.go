package answers

import (
	"context"
	"fmt"
	"time"

	"videoqa/answers/features"
	"videoqa/frames"
	"videoqa/frames/prepare"
	"videoqa/ingest"
	"videoqa/internal/fair"
	"videoqa/internal/fault"
	"videoqa/internal/trace"
	"videoqa/internal/vlm"
	"videoqa/temporal"
)

// A job is the questions about one subject that the same model answers by as many frames, on their way through the steps.
type job struct {
	s         *Service
	model     Model
	source    source // of pictures
	count     int
	places    []int // of this job's questions
	questions []ingest.Question
	results   []Result
	words     Words

	still    bool
	used     usedFrames
	pixels   []frames.Picture // prepared, one for each frame used; empty where its features were known
	vectors  [][]float32      // one for each frame used; nil where it has to be encoded
	prefix   vlm.Context
	prefixID string
	done     func() // gives the slot for decoding and encoding back; nil: it has none
	cache    ingest.CacheUse
	cost     ingest.Cost
}

// usedFrames are the frames that a plan chose in a clip: enough to answer from the caches
// without decoding the clip again.
type usedFrames struct {
	frames []usedFrame
	length temporal.Seconds
	notes  []ingest.Note
}

// A usedFrame is one prepared picture.
type usedFrame struct {
	clip   int // index into the clips of the answer
	pts    temporal.Seconds
	digest string
	size   [2]int // width and height
}

// A step is one of a job's.
type step struct {
	name  string
	stage string   // under which it is traced; "": it is not
	cost  *float64 // where its time is added
	do    func(context.Context) error
}

// steps are what a job goes through.
func (j *job) steps() []step {
	return append(j.stepsToSee(),
		step{"read the prefix", trace.Prefix, &j.cost.PrefixMS, j.read},
		step{"generate", trace.Generate, &j.cost.GenerateMS, j.generate})
}

// stepsToSee are those that depend on no question: afterwards the features of all pictures are there.
func (j *job) stepsToSee() []step {
	return append(j.source.steps(j), step{"encode", trace.Encode, &j.cost.EncodeMS, j.encode})
}

// slot returns the step of a source that waits until the job may decode and encode.
func (j *job) slot() step { return step{"wait for a slot", "", &j.cost.QueueMS, j.acquireSlot} }

// run takes the job through its steps, and finishes its answers.
func (j *job) run(ctx context.Context) error {
	if err := j.through(ctx, j.steps()); err != nil {
		return err
	}
	j.finish()
	return nil
}

// through takes the job through steps, noting the time that each takes.
func (j *job) through(ctx context.Context, steps []step) error {
	defer j.source.close()
	defer j.releaseSlot()
	ctx = fair.WithKey(ctx, j.source.fairnessKey())
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		began, end := time.Now(), func(error) {}
		if step.stage != "" {
			end = trace.Begin(ctx, step.stage)
		}
		err := step.do(ctx)
		end(err)
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		*step.cost += ms(time.Since(began))
	}
	return nil
}

// acquireSlot waits until the job may decode and encode, unless its features are known.
func (j *job) acquireSlot(ctx context.Context) (err error) {
	if j.vectors == nil && j.prefix == nil {
		j.done, err = j.s.slots.Acquire(ctx)
	}
	return err
}

func (j *job) releaseSlot() {
	if j.done != nil {
		j.done()
	}
}

// prepare makes a picture what the model wanted at.
func (j *job) prepare(p frames.Picture) (frames.Picture, usedFrame, error) {
	if err := j.checkPrepared(p); err != nil {
		return p, usedFrame{}, err
	}
	p.Image = j.model.Vision().Preparation.Apply(p.Image)
	return p, usedFrame{pts: p.PTS, digest: pictureDigest(p), size: [2]int{p.Width, p.Height}}, nil
}

// Notes returns the notes of an answer about the pictures of a report.
func Notes(r frames.Report) (notes []ingest.Note) {
	for _, n := range []struct {
		holds bool
		note  ingest.Note
	}{
		{r.Degraded, ingest.Degraded}, {r.FewerFrames, ingest.FewerFrames}, {r.NoToneMapping, ingest.NoToneMapping},
		{r.ClockJump, ingest.ClockJump}, {r.FirstPicture, ingest.FirstPicture},
	} {
		if n.holds {
			notes = append(notes, n.note)
		}
	}
	return notes
}

// checkPrepared refuses pictures so narrow that keeping their aspect would make
// them huge.
func (j *job) checkPrepared(p frames.Picture) error {
	how := j.model.Vision()
	w, h := how.Preparation.OutputSize(p.Width, p.Height)
	if w*h > 8*how.ImageSize*how.ImageSize {
		return fmt.Errorf("a picture of %d x %d would become %d x %d for the model: %w", p.Width, p.Height, w, h, fault.TooLarge)
	}
	return nil
}

// features are the cache of what the job's model makes.
func (j *job) features() *features.Cache { return j.s.features[storedAs(j.model)] }

// encode gets the features of the frames that have none yet: from the cache, or else in one
// run for each size of picture.
func (j *job) encode(ctx context.Context) error {
	defer j.releaseSlot()
	if j.prefix != nil {
		j.cache.FramesHit = len(j.used.frames)
		j.recordOwners(ctx)
		return nil
	}
	var without []int
	var keys []string
	for i, key := range j.featureKeys(j.used) {
		if j.vectors[i] == nil {
			without, keys = append(without, i), append(keys, key)
		}
	}
	j.cache.FramesHit = len(j.vectors)
	if len(without) == 0 {
		j.recordOwners(ctx)
		return nil
	}
	vectors, hits, err := j.features().Fill(ctx, keys, func(ctx context.Context, missing []int) ([][]float32, error) {
		wanted := make([]int, len(missing))
		for n, i := range missing {
			wanted[n] = without[i]
		}
		return j.encodeFrames(ctx, wanted)
	})
	if err != nil {
		return err
	}
	for n, i := range without {
		j.vectors[i] = vectors[n]
	}
	j.cache.FramesMiss = len(without) - hits
	j.cache.FramesHit -= j.cache.FramesMiss
	j.source.remember(j)
	j.recordOwners(ctx)
	return nil
}

func (j *job) encodeFrames(ctx context.Context, wanted []int) ([][]float32, error) {
	out := make([][]float32, len(wanted))
	bySize := map[[2]int][]int{} // places in wanted
	for n, i := range wanted {
		bySize[j.used.frames[i].size] = append(bySize[j.used.frames[i].size], n)
	}
	for _, places := range bySize {
		pictures := make([]prepare.Image, len(places))
		for k, n := range places {
			pictures[k] = j.pixels[wanted[n]].Image
		}
		encoded, err := j.model.See(ctx, pictures)
		if err != nil {
			return nil, err
		}
		for k, n := range places {
			out[n] = encoded[k]
		}
	}
	return out, nil
}

// read gets the clip's prefix, which does not depend on any question.
func (j *job) read(ctx context.Context) error {
	id, err := j.prefixKey(j.used, j.still)
	if err != nil {
		return err
	}
	j.prefixID = id
	for _, clip := range j.clipIDs() {
		j.s.entries.add(clip, prefixEntry, j.prefixID)
	}
	if j.prefix != nil { // known since it was looked up, and only counted here
		j.s.prefixes.Find(j.prefixID)
		j.cache.Prefix = "hit"
		return nil
	}
	p, hit, err := j.s.prefixes.Get(ctx, j.prefixID, func(ctx context.Context) (vlm.Context, error) {
		return j.model.Context(ctx, j.vectors, !j.still)
	})
	j.prefix, j.cache.Prefix = p, "miss"
	if hit {
		j.cache.Prefix = "hit"
	}
	return err
}

// finish adds to each answer what it shares with the others.
func (j *job) finish() {
	for _, i := range j.places {
		if j.results[i].Err == nil {
			j.receipt(&j.results[i].Answer, j.questions[i])
		}
	}
}

// receipt fills in the frames used, and the id that follows from them.
func (j *job) receipt(a *ingest.Answer, q ingest.Question) {
	media := j.source.media()
	a.QuestionID = q.ID
	if a.QuestionID == "" {
		a.QuestionID = questionID(media, q)
	}
	a.Question, a.Kind = q.Text, q.AsKind()
	a.Sampling.Requested = j.count
	j.source.describe(j, a)
	if a.Camera == "" {
		a.Camera = q.Camera
	}
	if j.still {
		if a.Sampling.Requested = max(1, q.Frames); q.Frames > 1 {
			a.Sampling.Notes = append(a.Sampling.Notes, ingest.FewerFrames)
		}
	}
	var used []string
	for _, l := range j.used.frames {
		clip := a.Clips[l.clip]
		a.Sampling.Frames = append(a.Sampling.Frames, ingest.SeenFrame{ClipID: clip.ID, PTS: l.pts, Time: clock(clip, l.pts)})
		used = append(used, clip.ID, l.pts.String(), l.digest)
	}
	if a.UnknownFields = q.Unknown; len(q.Unknown) > 0 {
		a.Sampling.Notes = append(a.Sampling.Notes, ingest.UnknownField)
	}
	a.Sampling.Notes = append(append([]ingest.Note{}, j.used.notes...), a.Sampling.Notes...) // never null
	a.Evidence = []ingest.Evidence{}
	a.Model = Described(j.model.Description())
	a.Cache, a.Cost = j.cache, j.cost
	a.ID = j.answerID(a, q, media, used)
	a.ProducedAt = ingest.NewTime(time.Now())
}

// clock is the wall-clock time of a place in a clip, if the clip has one.
func clock(c ingest.SeenClip, pts temporal.Seconds) *ingest.Time {
	if c.Start == nil {
		return nil
	}
	t := ingest.NewTime(c.Start.Add(pts.Duration()))
	return &t
}
