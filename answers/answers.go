// Package answers is the service: a clip and questions go in, answers come out.
//
//	m, err := models.Open(ctx, checkpoint, models.Config{CacheDir: dir, Library: lib})
//	s, err := answers.New(answers.Config{Model: m})
//	results, err := s.Ask(ctx, answers.Subject{ClipID: "c-9", Reader: file, Size: n, Digest: sum}, questions)
//
// It joins frames, which knows pixels, with a [Model], which knows no files:
// plan, decode, prepare, encode, prefix, generate, one list of steps run by one
// loop. All questions of a call share the steps up to the prefix, and are
// answered in one batch. Nothing that the caches hold is computed again: frames'
// features by content, clips' prefixes by their frames, and a known clip is not
// even decoded.
package answers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"videoqa/answers/features"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/fair"
	"videoqa/internal/fault"
	"videoqa/internal/lru"
	"videoqa/internal/vlm"
)

// Config says what a service is made of. Only Model is needed.
type Config struct {
	Model        Model          // answers questions that name no model
	More         []Model        // answer questions that name them; names are those of their descriptions
	Features     features.Store // nil: 32 MiB in this process
	PrefixBytes  int64          // of clips' prefixes kept in this process; 0: 96 MiB
	MaxTokens    int            // of an answer; 0: 20
	Beam         int            // 0: greedy; the original used 4
	AbstainBelow float64        // answers of a lower score become abstentions
	Clips        int            // decoded and encoded at the same time; 0: 3
	Queue        int            // calls that may wait for their turn; 0: 64
}

// Validate names the field that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.Model == nil || slices.Contains(c.More, nil):
		return errors.New("answers: check config: a model is nil")
	case min(c.MaxTokens, c.Beam, c.Clips, c.Queue) < 0 || c.PrefixBytes < 0:
		return fmt.Errorf("answers: check config: MaxTokens, Beam, Clips, Queue or PrefixBytes is negative: %w", fault.BadRequest)
	case c.AbstainBelow < 0 || c.AbstainBelow > 1:
		return fmt.Errorf("answers: check config: AbstainBelow is %v, not between 0 and 1: %w", c.AbstainBelow, fault.BadRequest)
	}
	names := map[string]bool{}
	for _, m := range c.models() {
		name := m.Description().Name
		if names[name] {
			return fmt.Errorf("answers: check config: two models are called %s: %w", name, fault.BadRequest)
		}
		names[name] = true
	}
	return nil
}

func (c Config) models() []Model { return append([]Model{c.Model}, c.More...) }

// A Service answers questions. It may be used by many goroutines; its models
// outlive it. All models share its caches, and so the memory that those may take.
type Service struct {
	cfg      Config
	models   []Model                           // the first answers questions that name none
	features map[features.Type]*features.Cache // over one store
	prefixes *lru.Cache[vlm.Context]
	plans    *otter.Cache[string, usedFrames]    // the frames that a plan chose in a clip, so that it need not be decoded again
	moments  *otter.Cache[string, decodedMoment] // and those of moments
	slow     slowness
	entries  *cacheIndex     // of the caches above, by clip
	queue    chan struct{}   // one token a call that is inside
	slots    *fair.Scheduler // one for a clip that is decoded and encoded
	taken    taken           // pictures, from clips
}

// New returns a service over the models of cfg, which are borrowed.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Features == nil {
		cfg.Features = features.NewMemory(32 << 20)
	}
	if cfg.PrefixBytes == 0 {
		cfg.PrefixBytes = 96 << 20
	}
	if cfg.Clips == 0 {
		cfg.Clips = 3 // one is decoded while the model, which runs two graphs at a time, is busy
	}
	if cfg.Queue == 0 {
		cfg.Queue = 64
	}
	return &Service{
		cfg: cfg, models: cfg.models(), features: map[features.Type]*features.Cache{
			features.Float32: features.New(cfg.Features, features.Float32), features.Float16: features.New(cfg.Features, features.Float16),
		},
		prefixes: lru.New(cfg.PrefixBytes, func(_ string, p vlm.Context) int64 { return p.Bytes() }),
		plans:    otter.Must(&otter.Options[string, usedFrames]{MaximumSize: 10_000}),
		moments:  otter.Must(&otter.Options[string, decodedMoment]{MaximumSize: 100_000}),
		slow:     newSlowness(),
		entries:  newCacheIndex(),
		queue:    make(chan struct{}, cfg.Clips+cfg.Queue),
		slots:    fair.New(cfg.Clips),
	}, nil
}

// Features counts what the feature cache was asked for.
func (s *Service) Features() (all features.Stats) {
	for _, c := range s.features {
		all = all.Plus(c.Stats())
	}
	return all
}

// Prefixes counts the clips' prefixes.
func (s *Service) Prefixes() lru.Stats { return s.prefixes.Stats() }

// Pictures counts what was taken from clips: pictures that were decoded, those of
// them that were wanted, and those that were wanted and damaged.
type Pictures struct{ Decoded, Sampled, Dropped int64 }

type taken struct{ decoded, sampled, dropped atomic.Int64 }

func (t *taken) add(pictures []frames.Picture, r frames.Report) {
	t.decoded.Add(int64(r.Decoded))
	t.sampled.Add(int64(len(pictures)))
	t.dropped.Add(int64(r.Dropped))
}

// Pictures returns those since the service was made.
func (s *Service) Pictures() Pictures {
	return Pictures{s.taken.decoded.Load(), s.taken.sampled.Load(), s.taken.dropped.Load()}
}

// Model returns the model of that name; "" is the one that answers questions that name
// none. It returns [fault.UnknownModel], and which there are.
func (s *Service) Model(name string) (Model, error) {
	var names []string
	for _, m := range s.models {
		have := m.Description().Name
		if name == "" || name == have {
			return m, nil
		}
		names = append(names, have)
	}
	return nil, fmt.Errorf("answers: find model %q; there is %s: %w", name, strings.Join(names, ", "), fault.UnknownModel)
}

// A Subject is what questions are about: a clip or a still picture, or the span
// from From to To of a clip. A To of zero is the clip's end.
type Subject struct {
	ClipID string // "": "clip-" and the digest's first 12 digits
	Camera string
	Start  *ingest.Time // wall-clock time of the first shown picture, if known

	Reader io.ReaderAt // borrowed until Ask returns
	Size   int64
	Digest string // "sha256:…" of Reader's bytes
	Limits frames.Limits

	// Unchanged returns why what was read is not what Digest names, if bytes may
	// change while they are read; nil: they cannot.
	Unchanged func() error

	From, To time.Duration
	Index    *frames.Index // of Reader, if it was opened before: for many spans of one long file
	Fetch    time.Duration // spent on getting Reader, for the answer's cost

	Words Words // nil: no client listens
}

// Words is called with an answer's words while they are generated: text belongs at code
// point at of the answer to the question at that place of the call, and replaces what was
// there. The answer is the truth: it may be another in the end, or an abstention. Calls come one at
// a time for a question and must not block. Closed questions and those about pictures that
// are out of distribution have none.
type Words func(question, at int, text string)

func (s Subject) clipID() string {
	if s.ClipID == "" && s.Digest != "" {
		return ingest.NamelessClip(s.Digest)
	}
	return s.ClipID
}

// A Result is the answer to one question, or why there is none.
type Result struct {
	Answer ingest.Answer
	Err    error
}

// Ask answers questions about one subject, a clip or footage. Results are in the order of the
// questions; an error concerns all of them: [fault.Overloaded] at once if too
// many calls wait, [fault.BadVideo], [fault.TooLarge], [fault.BadRequest] for a
// span that makes no sense, or ctx's.
//
// About footage it also returns [fault.NoFootage] if no clip shows anything of it, and if none of those that do can be
// read, what is wrong with the first.
func (s *Service) Ask(ctx context.Context, about About, questions []ingest.Question) ([]Result, error) {
	if len(questions) > ingest.MaxQuestions {
		return nil, fmt.Errorf("answers: ask: %d questions, at most %d: %w", len(questions), ingest.MaxQuestions, fault.BadRequest)
	}
	leave, err := s.enter()
	if err != nil {
		return nil, fmt.Errorf("answers: ask: %w", err)
	}
	defer leave()
	results := make([]Result, len(questions))
	for of, places := range s.sort(questions, results) {
		j := job{
			s: s, model: of.model, count: of.frames, source: about.source(), words: about.listener(),
			places: places, questions: questions, results: results, cost: ingest.Cost{FetchMS: ms(about.fetchTime())},
		}
		if err := j.run(ctx); err != nil {
			return nil, fmt.Errorf("answers: ask: %w", err)
		}
	}
	return results, nil
}

// enter takes a place inside, until leave is called.
func (s *Service) enter() (leave func(), err error) {
	select {
	case s.queue <- struct{}{}:
		return func() { <-s.queue }, nil
	default:
		return nil, fmt.Errorf("%d calls wait already: %w", s.cfg.Queue, fault.Overloaded)
	}
}

// A group is questions that the same model answers by as many frames.
type group struct {
	model  Model
	frames int
}

// sort groups the places of the questions; those that cannot be asked get their error
// at once.
func (s *Service) sort(questions []ingest.Question, results []Result) map[group][]int {
	groups := map[group][]int{}
	for i, q := range questions {
		m, err := s.Model(q.Model)
		if err == nil {
			err = q.ValidateAsked()
		}
		var count int
		if err == nil {
			count, err = framesFor(m, q.Frames)
		}
		if err != nil {
			results[i].Err = err
			continue
		}
		of := group{m, count}
		groups[of] = append(groups[of], i)
	}
	return groups
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
