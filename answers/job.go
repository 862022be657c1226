package answers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"videoqa/frames"
	"videoqa/frames/features"
	"videoqa/frames/prepare"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/trail"
	"videoqa/internal/turns"
	"videoqa/internal/vlm"
	"videoqa/temporal"
)

// A job is one clip's questions that want the same frames, on their way through
// the steps.
type job struct {
	s         *Service
	model     Model
	subject   Subject
	count     int
	places    []int // of this job's questions
	questions []ingest.Question
	results   []Result
	words     Words

	footage *Footage // of a range of a camera's time, in place of subject
	gathered

	still    bool
	clips    []ingest.SeenClip // that were looked at
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
	clip   int // of the job's clips
	pts    temporal.Seconds
	digest string
	size   [2]int // width and height
}

// A step is one of a job's.
type step struct {
	name  string
	stage string   // that it is in a trail; "": in none
	cost  *float64 // where its time is added
	do    func(context.Context) error
}

// steps are what a job goes through.
func (j *job) steps() []step {
	turn := step{"wait for a turn", "", &j.cost.QueueMS, j.takeTurn}
	see := []step{{"look the clip up", trail.Recall, new(float64), j.recall}, turn, {"decode", trail.Decode, &j.cost.DecodeMS, j.decode}}
	if j.footage != nil {
		see = []step{turn, {"fetch", trail.Fetch, &j.cost.FetchMS, j.gather}, {"decode", trail.Decode, &j.cost.DecodeMS, j.decodeMoments}}
	}
	return append(see,
		step{"encode", trail.Encode, &j.cost.EncodeMS, j.encode},
		step{"read the prefix", trail.Prefix, &j.cost.PrefixMS, j.read},
		step{"generate", trail.Generate, &j.cost.GenerateMS, j.generate})
}

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
	defer j.closeMedia()
	defer j.endTurn()
	ctx = turns.Line(ctx, j.line())
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		began, end := time.Now(), func(error) {}
		if step.stage != "" {
			end = trail.Begin(ctx, step.stage)
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

// line is on whose behalf the job is done: a camera's, or a clip's.
func (j *job) line() string {
	if j.footage != nil {
		return j.footage.Camera
	}
	return cmp.Or(j.subject.Camera, j.subject.clipID())
}

// takeTurn waits until the job may decode and encode, unless that is known.
func (j *job) takeTurn(ctx context.Context) (err error) {
	if j.vectors == nil && j.prefix == nil {
		j.done, err = j.s.turns.Take(ctx)
	}
	return err
}

func (j *job) endTurn() {
	if j.done != nil {
		j.done()
	}
}

// planKey names what decides which prepared pictures are looked at.
func (j *job) planKey() string {
	return features.Key(j.subject.Digest, frames.Revision, strconv.Itoa(j.count), j.subject.From.String(), j.subject.To.String(), j.preparation())
}

// recall finds a clip whose frames are known, with their prefix or all their features.
func (j *job) recall(ctx context.Context) error {
	j.s.holdings.add(j.subject.ClipID, plan, j.planKey()) // whoever it was looked at for first
	known, ok := j.s.seen.GetIfPresent(j.planKey())
	if !ok {
		return nil
	}
	still := known.length == 0
	if id, err := j.prefixKey(known, still); err == nil {
		if p, ok := j.s.prefixes.Peek(id); ok { // then features need not be read; counted below
			j.seen, j.still, j.prefix = known, still, p
			return nil
		}
	}
	if vectors, ok := j.features().Have(ctx, j.keys(known)); ok {
		j.seen, j.vectors, j.still = known, vectors, still
	}
	return nil
}

// prefixKey is the key of the prefix of what was seen.
func (j *job) prefixKey(v seen, still bool) (string, error) {
	parts, err := j.model.ContextKey(len(v.looks), !still)
	if err != nil {
		return "", err
	}
	return features.Key(append(parts, j.keys(v)...)...), nil
}

// decode takes the pictures from the clip and prepares them for the model.
func (j *job) decode(ctx context.Context) error {
	if j.vectors != nil || j.prefix != nil {
		return nil
	}
	var pictures []frames.Picture
	err := j.s.slow.decoding(ctx, j.planKey(), func() (err error) {
		pictures, err = j.pictures(ctx)
		return err
	})
	if changed := j.subject.Unchanged; changed != nil { // before an error: that may come of it
		err = cmp.Or(changed(), err)
	}
	if err != nil {
		return err
	}
	for i, p := range pictures {
		var l look
		if pictures[i], l, err = j.prepare(p); err != nil {
			return err
		}
		j.seen.looks = append(j.seen.looks, l)
	}
	j.pixels, j.vectors = pictures, make([][]float32, len(pictures))
	return nil
}

// prepare makes a picture what the model looks at.
func (j *job) prepare(p frames.Picture) (frames.Picture, look, error) {
	if err := j.checkPrepared(p); err != nil {
		return p, look{}, err
	}
	p.Image = j.model.Vision().Preparation.Apply(p.Image)
	return p, look{pts: p.PTS, digest: pictureDigest(p), size: [2]int{p.Width, p.Height}}, nil
}

// pictures reads the wanted frames of a clip, or the one picture of a still.
func (j *job) pictures(ctx context.Context) ([]frames.Picture, error) {
	sub := j.subject
	still, err := frames.BeginsStill(sub.Reader, sub.Size)
	if err != nil {
		return nil, err
	}
	if j.still = still; still {
		if sub.From != 0 || sub.To != 0 {
			return nil, fmt.Errorf("a still picture has no span of time: %w", fault.BadRequest)
		}
		p, report, err := frames.DecodeStill(ctx, sub.Reader, sub.Size, sub.Limits)
		if err != nil {
			return nil, err
		}
		j.s.taken.add([]frames.Picture{p}, report)
		j.seen.notes = Notes(report)
		return []frames.Picture{p}, nil
	}
	plan := frames.Plan{Count: j.count, From: sub.From, To: sub.To}
	var pictures []frames.Picture
	var report frames.Report
	if sub.Index != nil {
		pictures, report, err = sub.Index.Sample(ctx, sub.Reader, plan)
	} else {
		pictures, report, err = frames.Sample(ctx, sub.Reader, sub.Size, plan, sub.Limits)
	}
	j.s.taken.add(pictures, report)
	j.seen.length = temporal.NewSeconds(report.Duration.Microseconds(), 1, 1e6)
	j.seen.notes = Notes(report)
	return pictures, err
}

// Notes says in an answer's terms what a report holds.
func Notes(r frames.Report) (notes []ingest.Note) {
	for _, n := range r.Notes() {
		notes = append(notes, ingest.Note(n))
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

// pictureDigest is that of the bytes that the vision graph reads.
func pictureDigest(p frames.Picture) string {
	h := sha256.New()
	var size [16]byte
	binary.LittleEndian.PutUint64(size[:8], uint64(p.Width))
	binary.LittleEndian.PutUint64(size[8:], uint64(p.Height))
	h.Write(size[:])
	h.Write(p.Pix)
	return hex.EncodeToString(h.Sum(nil))
}

// keys are those of the pictures' features.
func (j *job) keys(v seen) []string {
	keys := make([]string, len(v.looks))
	for i, l := range v.looks {
		keys[i] = j.featureKey(l.digest)
	}
	return keys
}

func (j *job) featureKey(picture string) string {
	return features.Key(append(j.model.FeatureKey(), picture)...)
}

// preparation names how pictures are prepared.
func (j *job) preparation() string { return fmt.Sprintf("%+v", j.model.Vision().Preparation) }

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
	for i, key := range j.keys(j.seen) {
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
	if j.footage == nil {
		j.s.seen.Set(j.planKey(), j.seen)
	}
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
	m := j.model.Description()
	a.QuestionID = q.ID
	if a.QuestionID == "" {
		a.QuestionID = j.questionID(q)
	}
	a.Question, a.Kind = q.Text, q.AsKind()
	j.whereabouts(a)
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
	a.Model = Described(m)
	a.Cache, a.Cost = j.cache, j.cost
	a.ID = "a-" + features.Key(append([]string{
		a.QuestionID, q.RequestHash(), m.Digest, string(m.Precision), string(m.Preprocess), a.Sampling.Policy, strconv.Itoa(j.count),
		j.subject.From.String(), j.subject.To.String(), fmt.Sprint(j.s.cfg.MaxTokens, j.s.cfg.Beam, j.s.cfg.AbstainBelow),
	}, seen...)...)[:32]
	a.ProducedAt = ingest.NewTime(time.Now())
}

// questionID is the id of a question that has none: it follows from what is asked.
func (j *job) questionID(q ingest.Question) string {
	parts := []string{j.subject.Digest, j.subject.From.String(), j.subject.To.String(), q.Text, string(q.AsKind()), strings.Join(q.Choices, "\n")}
	if q.Model != "" {
		parts = append(parts, q.Model)
	}
	return "q-" + features.Key(parts...)[:16]
}

// whereabouts says which clips and times an answer is about.
func (j *job) whereabouts(a *ingest.Answer) {
	a.Sampling.Requested = j.count
	if j.footage != nil {
		from, to := ingest.NewTime(j.footage.From), ingest.NewTime(j.footage.To)
		a.Sampling.Policy, a.Camera, a.Clips, a.Start, a.End = "grid", j.footage.Camera, j.clips, &from, &to
		return
	}
	clip := ingest.SeenClip{ID: j.subject.clipID(), Digest: j.subject.Digest, Start: j.subject.Start}
	a.Sampling.Policy, a.Camera, a.Clips = "uniform", j.subject.Camera, []ingest.SeenClip{clip}
	a.Start, a.End = clock(clip, temporal.NewSeconds(j.subject.From.Microseconds(), 1, 1e6)), clock(clip, j.end())
}

func (j *job) end() temporal.Seconds {
	if to := temporal.NewSeconds(j.subject.To.Microseconds(), 1, 1e6); to > 0 && to < j.seen.length {
		return to
	}
	return j.seen.length
}

// clock is the wall-clock time of a place in a clip, if the clip has one.
func clock(c ingest.SeenClip, pts temporal.Seconds) *ingest.Time {
	if c.Start == nil {
		return nil
	}
	t := ingest.NewTime(c.Start.Add(pts.Duration()))
	return &t
}
