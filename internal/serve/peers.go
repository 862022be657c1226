package serve

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"videoqa/answers/store"
	"videoqa/internal/ops"
)

const (
	beatEvery  = 10 * time.Second
	beatWithin = 35 * time.Second // who was not noted for so long has ended
)

// peers tells the processes that share a store of this one, and finds out where their
// settings are not alike.
type peers struct {
	id    string
	apart error // why uploads are refused whatever the others do; nil: they are not
	log   *slog.Logger

	// lonely, if not nil, says who else is in the group although this process is to be
	// the only one, and keeps outcomes that they do not see.
	lonely func(ctx context.Context) error

	mu    sync.Mutex
	own   profile
	found []Finding
}

func newPeers(own profile, apart error, log *slog.Logger) *peers {
	return &peers{id: strings.ToLower(rand.Text()), apart: apart, log: log, own: own}
}

// begin tells of this process now and every few seconds until stop is called. A nil p
// does nothing.
func (p *peers) begin(ctx context.Context, s store.Processes, health *ops.Health) (stop func()) {
	if p == nil {
		return func() {}
	}
	if p.apart != nil {
		p.log.Warn(p.apart.Error())
	}
	health.Degrade(partUploads, func(context.Context) error { return p.refuseUploads() })
	health.Degrade(partPeers, func(context.Context) error { return p.wrong(partPeers) })
	if _, now, err := s.Serving(ctx, 0); err == nil { // a difference of the clocks is reported at once
		p.compareClock(now, time.Now())
	}
	p.beat(ctx, s)
	beating, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-beating.Done():
				return
			case <-tick.C:
				p.beat(beating, s)
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
		limited, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		if err := s.End(limited, p.id); err != nil {
			p.log.Debug("the end of this process could not be announced; the others notice it in half a minute", "error", err)
		}
	}
}

// beat tells of this process, and compares it with the others. What was found stays
// while the store cannot be used.
func (p *peers) beat(ctx context.Context, s store.Processes) {
	p.mu.Lock()
	own := p.own
	p.mu.Unlock()
	text, err := json.Marshal(own)
	if err != nil {
		panic(err) // strings, numbers and maps of them always marshal
	}
	asked := time.Now()
	others, now, err := s.Beat(ctx, store.Process{ID: p.id, Settings: string(text)}, beatWithin)
	if err != nil {
		return // readiness says what is wrong
	}
	if took := time.Since(asked); took < time.Second {
		p.compareClock(now, asked.Add(took/2))
	}
	found := findings(own, profilesOf(others))
	if p.lonely != nil {
		if err := p.lonely(ctx); err != nil {
			found = append(found, Finding{partPeers, err.Error()})
		}
	}
	p.tell(found)
}

// compareClock notes how far this machine's clock is from the store's.
func (p *peers) compareClock(stores, ours time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own.ClockMS = ours.Sub(stores).Milliseconds()
}

// tell logs what was not found before, and what is not found any more.
func (p *peers) tell(found []Finding) {
	p.mu.Lock()
	before := p.found
	p.found = found
	p.mu.Unlock()
	for _, f := range found {
		if !slices.Contains(before, f) {
			p.log.Warn("processes that share the store are not alike", "part", f.Part, "what", f.Text)
		}
	}
	if len(before) > 0 && len(found) == 0 {
		p.log.Info("processes that share the store are alike again")
	}
}

// wrong is what was found about a part.
func (p *peers) wrong(part string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var texts []string
	for _, f := range p.found {
		if f.Part == part {
			texts = append(texts, f.Text)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return errors.New(strings.Join(texts, "; "))
}

// refuseUploads says why no upload is taken now; nil: they are.
func (p *peers) refuseUploads() error {
	if p.apart != nil {
		return p.apart
	}
	return p.wrong(partUploads)
}

// elsewhere reports whether another process may have uploads that this one does not see.
func (p *peers) elsewhere() bool { return p.refuseUploads() != nil }
