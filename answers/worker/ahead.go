package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"videoqa/ingest"
)

// A Warmer is an [Asker] that can look at a clip ahead of questions, so that the
// first of them is nearly warm.
type Warmer interface {
	Warm(ctx context.Context, s Subject) error
}

// ahead are clips that came and may be looked at when nothing else is to be done:
// hints, of which the oldest are forgotten when there are too many.
type ahead struct {
	most int
	mu   sync.Mutex
	list []ingest.Clip
	more chan struct{}
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

// warm looks at one clip, unless it was in hand at an unclean exit.
func (w *Worker) warm(ctx context.Context, warmer Warmer, c ingest.Clip) error {
	return w.Look(ctx, c, func(ctx context.Context) error {
		file, err := w.cfg.Media.Open(ctx, c.URI, c.Digest)
		if err != nil {
			return err
		}
		defer file.Close()
		return warmer.Warm(ctx, Subject{Clip: c, File: file})
	})
}
