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
	seen     seen
	pixels   []frames.Picture // prepared, one a look; empty where that was known
	vectors  [][]float32      // one a look; nil where it has to be encoded
	prefix   vlm.Context
	prefixID string
	done     func() // gives the turn to decode and encode back; nil: it has none
	cache    ingest.CacheUse
	cost     ingest.Cost
}

// seen is what a plan gave on a clip: enough to answer without decoding it again.
type seen struct {
	looks  []look
	length temporal.Seconds
	notes  []ingest.Note
}

// A look is one prepared picture.
type look struct {
	clip   int // of the clips that the source says were looked at
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

// turn is the step of a source that waits until the job may decode and encode.
func (j *job) turn() step { return step{"wait for a turn", "", &j.cost.QueueMS, j.takeTurn} }

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
	defer j.endTurn()
	ctx = fair.WithKey(ctx, j.source.line())
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

// takeTurn waits until the job may decode and encode, unless that is known.
func (j *job) takeTurn(ctx context.Context) (err error) {
	if j.vectors == nil && j.prefix == nil {
		j.done, err = j.s.slots.Acquire(ctx)
	}
	return err
}

func (j *job) endTurn() {
	if j.done != nil {
		j.done()
	}
}

// prepare makes a picture what the model looks at.
func (j *job) prepare(p frames.Picture) (frames.Picture, look, error) {
	if err := j.checkPrepared(p); err != nil {
		return p, look{}, err
	}
	p.Image = j.model.Vision().Preparation.Apply(p.Image)
	return p, look{pts: p.PTS, digest: pictureDigest(p), size: [2]int{p.Width, p.Height}}, nil
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

// encode gets the features of the looks that are without: remembered ones from
// the cache, the others in one run for each size of picture.
func (j *job) encode(ctx context.Context) error {
	defer j.endTurn()
	if j.prefix != nil {
		j.cache.FramesHit = len(j.seen.looks)
		j.own(ctx)
		return nil
	}
	var without []int
	var keys []string
	for i, key := range j.featureKeys(j.seen) {
		if j.vectors[i] == nil {
			without, keys = append(without, i), append(keys, key)
		}
	}
	j.cache.FramesHit = len(j.vectors)
	if len(without) == 0 {
		j.own(ctx)
		return nil
	}
	vectors, hits, err := j.features().Fill(ctx, keys, func(ctx context.Context, missing []int) ([][]float32, error) {
		looks := make([]int, len(missing))
		for n, i := range missing {
			looks[n] = without[i]
		}
		return j.encodeLooks(ctx, looks)
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
	j.own(ctx)
	return nil
}

func (j *job) encodeLooks(ctx context.Context, looks []int) ([][]float32, error) {
	out := make([][]float32, len(looks))
	bySize := map[[2]int][]int{} // places in looks
	for n, i := range looks {
		bySize[j.seen.looks[i].size] = append(bySize[j.seen.looks[i].size], n)
	}
	for _, places := range bySize {
		pictures := make([]prepare.Image, len(places))
		for k, n := range places {
			pictures[k] = j.pixels[looks[n]].Image
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
	id, err := j.prefixKey(j.seen, j.still)
	if err != nil {
		return err
	}
	j.prefixID = id
	for _, clip := range j.clipIDs() {
		j.s.holdings.add(clip, prefix, j.prefixID)
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

// receipt fills in what was looked at, and the id that follows from it.
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
	var seen []string
	for _, l := range j.seen.looks {
		clip := a.Clips[l.clip]
		a.Sampling.Frames = append(a.Sampling.Frames, ingest.SeenFrame{ClipID: clip.ID, PTS: l.pts, Time: clock(clip, l.pts)})
		seen = append(seen, clip.ID, l.pts.String(), l.digest)
	}
	if a.UnknownFields = q.Unknown; len(q.Unknown) > 0 {
		a.Sampling.Notes = append(a.Sampling.Notes, ingest.UnknownField)
	}
	a.Sampling.Notes = append(append([]ingest.Note{}, j.seen.notes...), a.Sampling.Notes...) // never null
	a.Evidence = []ingest.Evidence{}
	a.Model = Described(j.model.Description())
	a.Cache, a.Cost = j.cache, j.cost
	a.ID = j.answerID(a, q, media, seen)
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
