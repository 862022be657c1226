// Package lru is a cache that evicts the least recently used values, up to a limit in bytes.
//
//	c := lru.New(96<<20, func(key string, p *Prefix) int64 { return p.Bytes() })
//	p, hit, err := c.Get(ctx, key, func(ctx context.Context) (*Prefix, error) { … }) // made once for all callers that wait
//
// Most caches admit by frequency of use. They turn away a new value while the values that
// they hold were used more often. A camera's clips get bursts of questions and then none, so
// with such a cache each clip's prefix would be made again for every few of its questions.
package lru

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// errUnmade says that the function that makes a value did not return.
var errUnmade = errors.New("lru: making the value panicked")

// A Cache holds values by key and evicts those that were not used for longest. It may
// be used by many goroutines at once; values are shared and not to be changed.
type Cache[V any] struct {
	limit int64
	weigh func(string, V) int64

	mu      sync.Mutex
	order   list.List // of *entry[V], the last used first
	entries map[string]*list.Element
	making  map[string]*making[V]
	stats   Stats
}

// Stats counts hits, misses and evictions, and the bytes held.
type Stats struct{ Hits, Misses, Evictions, Bytes uint64 }

type entry[V any] struct {
	key    string
	value  V
	weight int64
}

// A making is a value that a caller makes, for all that wait for it.
type making[V any] struct {
	done      chan struct{} // closed once value or err is set
	value     V
	err       error
	forgotten bool // while it was made; guarded by the cache's mu
}

// New makes a cache of at most limit bytes by weigh, which may not be negative.
func New[V any](limit int64, weigh func(key string, value V) int64) *Cache[V] {
	return &Cache[V]{limit: limit, weigh: weigh, entries: map[string]*list.Element{}, making: map[string]*making[V]{}}
}

// Find returns the value of key, if it is there, and counts it as used.
func (c *Cache[V]) Find(key string) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, ok = c.find(key); !ok {
		c.stats.Misses++
	}
	return value, ok
}

// Peek is Find, but counts nothing.
func (c *Cache[V]) Peek(key string) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	return e.Value.(*entry[V]).value, true
}

func (c *Cache[V]) find(key string) (value V, ok bool) {
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.stats.Hits++
	c.order.MoveToFront(e)
	return e.Value.(*entry[V]).value, true
}

// Put keeps a value in place of what key had. One larger than the cache is not kept.
func (c *Cache[V]) Put(key string, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, value)
}

func (c *Cache[V]) put(key string, value V) {
	c.remove(key)
	e := &entry[V]{key, value, c.weigh(key, value)}
	if e.weight > c.limit {
		c.stats.Evictions++
		return
	}
	c.entries[key] = c.order.PushFront(e)
	c.stats.Bytes += uint64(e.weight)
	for c.stats.Bytes > uint64(c.limit) {
		c.remove(c.order.Back().Value.(*entry[V]).key)
		c.stats.Evictions++
	}
}

func (c *Cache[V]) remove(key string) {
	if e, ok := c.entries[key]; ok {
		c.stats.Bytes -= uint64(c.order.Remove(e).(*entry[V]).weight)
		delete(c.entries, key)
	}
}

// Forget drops the value of key, and one that is being made is not kept.
func (c *Cache[V]) Forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(key)
	if m, ok := c.making[key]; ok {
		m.forgotten = true
	}
}

// Get returns the value of key, and calls load to make it if it is not there. A caller that
// comes meanwhile waits for that value, and makes its own if making it failed: perhaps the
// other caller's context ended. hit says that this call did not make the value.
func (c *Cache[V]) Get(ctx context.Context, key string, load func(context.Context) (V, error)) (value V, hit bool, err error) {
	for {
		value, m, found, mine := c.enter(key)
		switch {
		case found:
			return value, true, nil
		case mine:
			value, err = c.load(ctx, key, m, load)
			return value, false, err
		}
		select {
		case <-m.done:
			if m.err == nil {
				return m.value, true, nil
			}
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return value, true, context.Cause(ctx)
		}
	}
}

// enter looks key up; mine says that the caller has to make its value.
func (c *Cache[V]) enter(key string) (value V, m *making[V], found, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, found = c.find(key); found {
		return value, nil, true, false
	}
	if m, found = c.making[key]; found {
		c.stats.Hits++
		return value, m, false, false
	}
	c.stats.Misses++
	m = &making[V]{done: make(chan struct{}), err: errUnmade}
	c.making[key] = m
	return value, m, false, true
}

// load makes m's value and keeps it.
func (c *Cache[V]) load(ctx context.Context, key string, m *making[V], load func(context.Context) (V, error)) (V, error) {
	defer func() { // also when load panics
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.making, key)
		if m.err == nil && !m.forgotten {
			c.put(key, m.value)
		}
		close(m.done)
	}()
	value, err := load(ctx)
	m.value, m.err = value, err
	return value, err
}

// Stats returns the present counts.
func (c *Cache[V]) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}
