package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"videoqa/answers"
	"videoqa/ingest"
	"videoqa/internal/sleep"
)

// A Warmer is an [Asker] that can decode and encode a clip, or footage, before a question
// comes, so that the first answer takes little longer than the next ones.
type Warmer interface {
	Warm(ctx context.Context, about answers.About, model string) error
}

// prefetch holds clips that came, to be warmed while no question waits. They are hints:
// the oldest are forgotten when there are too many.
type prefetch struct {
	most int
	mu   sync.Mutex
	list []ingest.Clip
	more chan struct{}

	ranges map[string]time.Duration // length of the last range that a question asked for, by camera
	models []string                 // that the last questions named, the latest first; "" for the default
}

const mostRanges = 10_000 // cameras in ranges

// asked notes the length of a range: the next one will be as long.
func (p *prefetch) asked(camera string, length time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ranges == nil || len(p.ranges) >= mostRanges {
		p.ranges = map[string]time.Duration{}
	}
	p.ranges[camera] = length
}

// mostModels is for how many models a clip is warmed.
const mostModels = 4

// askedOf notes the model that a question names: the next ones will name it too.
func (p *prefetch) askedOf(model string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.models) > 0 && p.models[0] == model {
		return
	}
	rest := slices.DeleteFunc(p.models, func(name string) bool { return name == model })
	p.models = append([]string{model}, rest[:min(len(rest), mostModels-1)]...)
}

// named returns the models for which a clip is warmed.
func (p *prefetch) named() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.models) == 0 {
		return []string{""}
	}
	return slices.Clone(p.models)
}

// rangeOf returns the length of the last range asked about a camera, or 0.
func (p *prefetch) rangeOf(camera string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ranges[camera]
}

func (p *prefetch) init(most int) { p.most, p.more = most, make(chan struct{}, 1) }

func (p *prefetch) add(c ingest.Clip) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.most <= 0 {
		return
	}
	if p.list = append(p.list, c); len(p.list) > p.most {
		p.list = p.list[1:]
	}
	signal(p.more)
}

// drop forgets a clip that was deleted.
func (p *prefetch) drop(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = slices.DeleteFunc(p.list, func(c ingest.Clip) bool { return c.ID == id })
}

// next takes the newest hint: its questions are the likeliest to come.
func (p *prefetch) next() (c ingest.Clip, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.list) == 0 {
		return c, false
	}
	c = p.list[len(p.list)-1]
	p.list = p.list[:len(p.list)-1]
	return c, true
}

// givesWay is how long prefetching pauses while questions wait.
const givesWay = 50 * time.Millisecond

// runPrefetch looks at clips that came, one at a time and only while no question
// waits, until ctx ends. What goes wrong is said when somebody asks.
func (w *Worker) runPrefetch(ctx context.Context) {
	warmer, ok := w.cfg.Asker.(Warmer)
	if !ok {
		return
	}
	for ctx.Err() == nil {
		if w.admission.busy() {
			sleep.For(ctx, givesWay)
			continue
		}
		c, some := w.prefetch.next()
		if !some {
			select {
			case <-w.prefetch.more:
			case <-ctx.Done():
			}
			continue
		}
		if err := w.warm(ctx, warmer, c); err != nil {
			w.cfg.Log.Debug("a clip was not prefetched", "clip", c.ID, "error", err)
		}
	}
}

// mostWindows is how many ranges of a clip are warmed.
const mostWindows = 64

// warm prepares one clip, unless it is quarantined: as a question about the clip needs it,
// or, where its camera is asked about ranges, as questions about ranges need it.
func (w *Worker) warm(ctx context.Context, warmer Warmer, c ingest.Clip) error {
	length := w.prefetch.rangeOf(c.Camera)
	return w.Do(ctx, c, func(ctx context.Context) error {
		if length > 0 && c.Start != nil && c.End != nil {
			return w.warmRanges(ctx, warmer, c, length)
		}
		file, err := w.openClip(ctx, c)
		if err != nil {
			return err
		}
		defer file.Close()
		return w.warmFor(ctx, warmer, w.clipSubject(c, file))
	})
}

// warmFor warms one subject for each model that was named lately.
func (w *Worker) warmFor(ctx context.Context, warmer Warmer, about answers.About) error {
	for _, model := range w.prefetch.named() {
		if err := warmer.Warm(ctx, about, model); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) warmRanges(ctx context.Context, warmer Warmer, c ingest.Clip, length time.Duration) error {
	from := c.Start.Time
	for n := 0; n < mostWindows && from.Before(c.End.Time) && !w.admission.busy(); n++ {
		r := &recording{camera: c.Camera, from: from, to: from.Add(length), clips: []ingest.Clip{c}}
		if err := w.warmFor(ctx, warmer, w.footage(r, false, w.openClip)); err != nil {
			return err
		}
		from = r.to
	}
	return nil
}
