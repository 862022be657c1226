package api

import (
	"context"
	"io"
	"sync"
	"time"
)

// flowBytes are so many that an upload is under way: who sends less, or slower than
// [Config.BodyRate], holds no place among the uploads.
const flowBytes = 4 << 10

// A flow is an upload's bytes on their way to the spool. It has a place among the uploads
// while they come at the least rate or faster, and gives it back when they pause: a few
// clients that begin a form and go on slowly would else lock everybody out.
type flow struct {
	ctx    context.Context
	r      io.Reader
	places *places
	client string
	rate   int64         // bytes a second
	pause  time.Duration // without the least rate, after which the place is given back
	grace  time.Duration // that bytes wait for a place, once they had one

	mu    sync.Mutex
	leave func() // nil: it has no place
	had   bool   // it had one
	came  int64  // since since
	since time.Time
}

// Read implements [io.Reader]. It returns a [refusal] if there is no place for what came.
func (f *flow) Read(p []byte) (int, error) {
	stall := time.AfterFunc(f.pause, f.giveBack)
	n, err := f.r.Read(p)
	stall.Stop()
	if n > 0 || err == io.EOF {
		if refused := f.count(int64(n), err == io.EOF); refused != nil {
			return 0, refused
		}
	}
	return n, err
}

// count notes that so many bytes came, and takes a place if that makes a flow, or if they
// are the last: what is written then has to reach the disk.
func (f *flow) count(n int64, last bool) error {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.came += n
	if f.leave != nil {
		if window := now.Sub(f.since); window >= f.pause && !last {
			if float64(f.came) < window.Seconds()*float64(f.rate) {
				f.drop()
			}
			f.came, f.since = 0, now
		}
		return nil
	}
	if f.came < flowBytes && !last {
		return nil
	}
	f.came, f.since = 0, now
	return f.take()
}

func (f *flow) take() (err error) {
	patience := f.pause / 8 // many hold a place for a moment only
	if f.had {
		patience = f.grace
	}
	limited, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	f.leave, err = f.places.wait(limited, f.client)
	f.had = f.had || err == nil
	return err
}

// giveBack gives the place back, if there is one.
func (f *flow) giveBack() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
}

// regain takes a place again, to bring what came to where it is kept.
func (f *flow) regain() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.take()
}

func (f *flow) drop() {
	if f.leave != nil {
		f.leave()
		f.leave, f.came = nil, 0
	}
}
