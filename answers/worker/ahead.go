package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"videoqa/answers"
	"videoqa/ingest"
)

// A Warmer is an [Asker] that can look at a clip, or at footage, ahead of questions,
// so that the first of them is nearly warm.
type Warmer interface {
	Warm(ctx context.Context, about answers.About, model string) error
}

// ahead are clips that came and may be looked at when nothing else is to be done:
// hints, of which the oldest are forgotten when there are too many.
type ahead struct {
	most int
	mu   sync.Mutex
	list []ingest.Clip
	more chan struct{}

	ranges map[string]time.Duration // how long the range was that a camera was last asked about
	models []string                 // that questions named last, the latest first; "": those that named none
}

const mostRanges = 10_000 // cameras of which that is known

// asked notes a range that was asked about: the next one will be as long.
func (a *ahead) asked(camera string, length time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ranges == nil || len(a.ranges) >= mostRanges {
		a.ranges = map[string]time.Duration{}
	}
	a.ranges[camera] = length
}

// mostModels is for how many models a clip is looked at ahead.
const mostModels = 4

// askedOf notes the model that a question names: the next ones will name it as well.
func (a *ahead) askedOf(model string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.models) > 0 && a.models[0] == model {
		return
	}
	rest := slices.DeleteFunc(a.models, func(name string) bool { return name == model })
	a.models = append([]string{model}, rest[:min(len(rest), mostModels-1)]...)
}

// named are the models that a clip is looked at ahead for.
func (a *ahead) named() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.models) == 0 {
		return []string{""}
	}
	return slices.Clone(a.models)
}

// rangeOf returns how long the ranges are that a camera is asked about; 0: it is not.
func (a *ahead) rangeOf(camera string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ranges[camera]
}

func (a *ahead) init(most int) { a.most, a.more = most, make(chan struct{}, 1) }

func (a *ahead) add(c ingest.Clip) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.most <= 0 {
		return
	}
	if a.list = append(a.list, c); len(a.list) > a.most {
		a.list = a.list[1:]
	}
	signal(a.more)
}

// drop forgets a clip that was deleted.
func (a *ahead) drop(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = slices.DeleteFunc(a.list, func(c ingest.Clip) bool { return c.ID == id })
}

// next takes the newest hint: its questions are the likeliest to come.
func (a *ahead) next() (c ingest.Clip, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.list) == 0 {
		return c, false
	}
	c = a.list[len(a.list)-1]
	a.list = a.list[:len(a.list)-1]
	return c, true
}

// givesWay is how long looking ahead waits while questions do.
const givesWay = 50 * time.Millisecond

// lookAhead looks at clips that came, one at a time and only while no question
// waits, until ctx ends. What goes wrong is said when somebody asks.
func (w *Worker) lookAhead(ctx context.Context) {
	warmer, ok := w.cfg.Asker.(Warmer)
	if !ok {
		return
	}
	for ctx.Err() == nil {
		if w.desk.busy() {
			sleep(ctx, givesWay)
			continue
		}
		c, some := w.ahead.next()
		if !some {
			select {
			case <-w.ahead.more:
			case <-ctx.Done():
			}
			continue
		}
		if err := w.warm(ctx, warmer, c); err != nil {
			w.cfg.Log.Debug("a clip was not looked at ahead", "clip", c.ID, "error", err)
		}
	}
}

// mostWindows is of how many ranges a clip is looked at ahead.
const mostWindows = 64

// warm looks at one clip, unless it was in hand at an unclean exit: as a question about
// the clip would, or, where its camera is asked about ranges, as those would.
func (w *Worker) warm(ctx context.Context, warmer Warmer, c ingest.Clip) error {
	length := w.ahead.rangeOf(c.Camera)
	return w.Look(ctx, c, func(ctx context.Context) error {
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

// warmFor looks at one subject for each model that was asked lately.
func (w *Worker) warmFor(ctx context.Context, warmer Warmer, about answers.About) error {
	for _, model := range w.ahead.named() {
		if err := warmer.Warm(ctx, about, model); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) warmRanges(ctx context.Context, warmer Warmer, c ingest.Clip, length time.Duration) error {
	from := c.Start.Time
	for n := 0; n < mostWindows && from.Before(c.End.Time) && !w.desk.busy(); n++ {
		r := &recording{camera: c.Camera, from: from, to: from.Add(length), clips: []ingest.Clip{c}}
		if err := w.warmFor(ctx, warmer, w.footage(r, false, w.openClip)); err != nil {
			return err
		}
		from = r.to
	}
	return nil
}
