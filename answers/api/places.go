package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// Places bound how many do something at once, in all and of one client, so that one who
// is slow, or many, shuts nobody else out.
type places struct {
	what       string // "uploads"
	most, each int    // in all, and of one client

	mu    sync.Mutex
	taken map[string]int // by client
	all   int
	freed chan struct{} // closed when a place is left
}

func newPlaces(what string, most, each int) *places {
	return &places{what: what, most: most, each: max(1, each), taken: map[string]int{}, freed: make(chan struct{})}
}

// enter takes a place; leave gives it back and may repeat. A client that finds none has to come
// again.
func (p *places) enter(client string) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.all >= p.most:
		return nil, p.full("%d %s are under way", p.most)
	case p.taken[client] >= p.each:
		return nil, p.full("%d %s of yours are under way", p.each)
	}
	p.all++
	p.taken[client]++
	return sync.OnceFunc(func() { p.leave(client) }), nil
}

func (p *places) full(format string, n int) error {
	return refusal{http.StatusTooManyRequests, tooMany, 1, fmt.Errorf("api: "+format, n, p.what)}
}

func (p *places) leave(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.taken[client]--; p.taken[client] == 0 {
		delete(p.taken, client)
	}
	close(p.freed)
	p.freed = make(chan struct{})
}

// wait is enter, as soon as there is a place. When ctx ends first, its error is that of
// the last try.
func (p *places) wait(ctx context.Context, client string) (leave func(), err error) {
	for {
		p.mu.Lock()
		freed := p.freed
		p.mu.Unlock()
		if leave, err = p.enter(client); err == nil {
			return leave, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// clientOf is whom a request's places are counted for: its key, or else its address.
func clientOf(r *http.Request) string {
	if name := caller(r.Context()); name != "" {
		return "key " + name
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return "address " + host
}
