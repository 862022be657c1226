package session

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"videoqa/internal/onnx"
)

// A pool holds the open sessions by graph name, opening each when first needed
// and closing the one unused for longest when there are more than limit.
type pool struct {
	limit int

	mu    sync.Mutex
	open  map[string]*opened
	clock int64
}

// An opened session, or one being opened.
type opened struct {
	ready   chan struct{} // closed once session or err is set
	session *onnx.Session
	err     error
	users   int
	last    int64
}

// use returns the session called name, made by open if there is none, and the
// function that ends its use. A caller that waited for another's open that failed tries
// again with its own: the failure may be that the other's context ended.
func (p *pool) use(name string, open func() (*onnx.Session, error)) (*onnx.Session, func(), error) {
	for {
		o, found := p.enter(name)
		if !found {
			o.session, o.err = open()
			close(o.ready)
		}
		<-o.ready
		if o.err == nil {
			return o.session, sync.OnceFunc(func() { p.done(o) }), nil
		}
		p.forget(name, o)
		if !found {
			return nil, nil, o.err
		}
	}
}

// enter begins one use of the session called name, and says whether it is there
// or being opened. If not, the caller opens it.
func (p *pool) enter(name string) (o *opened, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, found = p.open[name]; !found {
		o = &opened{ready: make(chan struct{})}
		if p.open == nil {
			p.open = map[string]*opened{}
		}
		p.open[name] = o
	}
	o.users++
	p.clock++
	o.last = p.clock
	return o, found
}

// forget drops a session that could not be opened, so that the next use tries again.
func (p *pool) forget(name string, o *opened) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.users--
	if p.open[name] == o {
		delete(p.open, name)
	}
}

// done ends one use and closes sessions over the limit.
func (p *pool) done(o *opened) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.users--
	for len(p.open) > p.limit {
		var oldest string
		for name, o := range p.open {
			if o.users == 0 && (oldest == "" || o.last < p.open[oldest].last) {
				oldest = name
			}
		}
		if oldest == "" {
			return // all are in use; the last to end closes
		}
		_ = p.open[oldest].session.Close() // freeing cannot fail
		delete(p.open, oldest)
	}
}

// close closes all sessions, waiting for those that run.
func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for name, o := range p.open {
		<-o.ready
		if o.session != nil {
			errs = append(errs, o.session.Close())
		}
		delete(p.open, name)
	}
	return errors.Join(errs...)
}

// names are those of the open sessions, and of those being opened.
func (p *pool) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.open))
}
