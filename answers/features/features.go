// Package features remembers what a vision encoder made of a picture, by content.
//
//	cache := features.New(features.NewMemory(256<<20), features.Float32)
//	vectors, hits, err := cache.Fill(ctx, keys, func(ctx context.Context, missing []int) ([][]float32, error) { … })
//
// A key is the hash of everything that a value depends on ([Key]): model,
// preprocessing, precision, provider, graph builder and the picture's bytes. So
// image questions, video questions and overlapping clips meet in one value, and
// nothing ever has to be invalidated.
//
// What a store gives back is not trusted: every value carries its key, its shape
// and a checksum over all of it, and one that is cut, swapped or flipped is a
// miss. A store that fails costs time and never an answer. One picture is encoded
// once however many ask for it at the same time.
package features

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Store keeps bytes by key, for as long as it likes. Get returns a value for
// each key, nil for what it does not have; the bytes are shared and never written
// to. With an error come the values it got nevertheless, or none.
//
// Note remembers that values are an owner's, a clip's, for at least as long as the
// values may be kept; Forget removes all that were noted as its. A value may have
// several owners, and is removed with the first: it can be computed again.
// Implementations pass [videoqa/answers/features/featurestest.Run].
type Store interface {
	Get(ctx context.Context, keys []string) ([][]byte, error)
	Set(ctx context.Context, keys []string, values [][]byte) error
	Note(ctx context.Context, owner string, keys []string) error
	Forget(ctx context.Context, owner string) error
}

// A Locker is a store that processes share, and that tells them who computes what.
// Lock takes those keys that nobody has: held says which. They are free again
// after unlock, or some seconds. An error, where the store is down, takes none.
type Locker interface {
	Lock(ctx context.Context, keys []string) (held []bool, unlock func(), err error)
}

// Key hashes the parts that a value depends on. Parts cannot run into each
// other: their lengths are hashed too.
func Key(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Stats counts what a cache was asked for. Encoded counts pictures that had to
// be encoded, Shared those that somebody else was encoding at that moment.
// Waited counts those that turned up after a first look: another process was
// encoding them, or somebody of this one had just done so.
type Stats struct {
	Hits, Encoded, Shared, Waited int64
	Refused                       int64 // values that failed their check
	Failed                        int64 // calls of the store that failed
}

// Plus adds up two counts.
func (s Stats) Plus(o Stats) Stats {
	return Stats{s.Hits + o.Hits, s.Encoded + o.Encoded, s.Shared + o.Shared, s.Waited + o.Waited, s.Refused + o.Refused, s.Failed + o.Failed}
}

// A Cache answers from its store, or computes and remembers.
type Cache struct {
	store Store
	kind  Type

	hits, encoded, shared, waited, refused, failed atomic.Int64

	mu     sync.Mutex
	flight map[string]*call // being encoded now
	ended  atomic.Int64     // flights that are over
}

// call is one encoding under way; what it gives is set before done is closed.
type call struct {
	done   chan struct{}
	vector []float32 // nil if it failed
}

// New returns a cache over store, which keeps values as kind.
func New(store Store, kind Type) *Cache {
	return &Cache{store: store, kind: kind, flight: map[string]*call{}}
}

// Stats returns the counts since the cache was made.
func (c *Cache) Stats() Stats {
	return Stats{c.hits.Load(), c.encoded.Load(), c.shared.Load(), c.waited.Load(), c.refused.Load(), c.failed.Load()}
}

// Have returns the values of keys if the store holds a good one of each, without
// computing any.
func (c *Cache) Have(ctx context.Context, keys []string) ([][]float32, bool) {
	out := make([][]float32, len(keys))
	if got, _ := c.get(ctx, keys, out); got < len(keys) {
		return nil, false
	}
	c.hits.Add(int64(len(keys)))
	return out, true
}

// Fill returns the values of keys, in their order, and how many of them did not
// have to be computed. encode is called with the places of those that nobody has
// and nobody is computing, and returns their values in that order; called again,
// it is for those that another process was computing and never delivered. Values
// are shared: they are never written to. Errors are encode's and ctx's only.
func (c *Cache) Fill(ctx context.Context, keys []string, encode func(ctx context.Context, missing []int) ([][]float32, error)) ([][]float32, int, error) {
	out := make([][]float32, len(keys))
	since := c.ended.Load()
	hits, _ := c.get(ctx, keys, out)
	c.hits.Add(int64(hits))
	for {
		mine, others := c.claim(keys, out)
		if len(mine) > 0 {
			got, err := c.compute(ctx, keys, mine, since, out, encode)
			if err != nil {
				return nil, hits, err
			}
			hits += got
		}
		if len(others) == 0 {
			return out, hits, nil
		}
		got, err := c.await(ctx, others, out)
		if err != nil {
			return nil, hits, err
		}
		hits += got
		c.shared.Add(int64(got))
	}
}

// claim divides the places without a value into those that this caller will
// compute and those that somebody else is computing. A key that stands in keys
// twice is computed once.
func (c *Cache) claim(keys []string, out [][]float32) (mine []int, others map[int]*call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	others = map[int]*call{}
	for i, key := range keys {
		if out[i] != nil {
			continue
		}
		if running, ok := c.flight[key]; ok {
			others[i] = running
			continue
		}
		c.flight[key] = &call{done: make(chan struct{})}
		mine = append(mine, i)
	}
	return mine, others
}

// compute gets values for the claimed places and hands them to the callers that wait. It
// returns how many of them somebody else computed. A flight that ended since the
// caller's first look may have left a value behind it.
func (c *Cache) compute(ctx context.Context, keys []string, mine []int, since int64, out [][]float32, encode func(context.Context, []int) ([][]float32, error)) (got int, err error) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, i := range mine {
			running := c.flight[keys[i]]
			running.vector = out[i]
			delete(c.flight, keys[i])
			close(running.done)
			c.ended.Add(1)
		}
	}()
	missing := mine
	if c.ended.Load() != since {
		missing, _ = c.look(ctx, keys, mine, out)
	}
	computed := 0
	for until := time.Now().Add(patience); len(missing) > 0; {
		ours, theirs, unlock := c.lock(ctx, keys, missing, out)
		err := c.encode(ctx, keys, ours, out, encode)
		unlock()
		if err != nil {
			return 0, err
		}
		computed += len(ours)
		left, down, err := c.poll(ctx, keys, theirs, out, tryAgain)
		if err != nil {
			return 0, err
		}
		if missing = left; down || time.Now().After(until) {
			return len(mine) - computed - len(left), c.encode(ctx, keys, left, out, encode)
		}
	}
	return len(mine) - computed, nil
}

// encode computes places and remembers what comes of it.
func (c *Cache) encode(ctx context.Context, keys []string, places []int, out [][]float32, encode func(context.Context, []int) ([][]float32, error)) error {
	if len(places) == 0 {
		return nil
	}
	vectors, err := encode(ctx, places)
	if err != nil {
		return err
	}
	if len(vectors) != len(places) {
		panic(fmt.Sprintf("features: encode gave %d values for %d pictures", len(vectors), len(places)))
	}
	c.encoded.Add(int64(len(places)))
	names, values := make([]string, len(places)), make([][]byte, len(places))
	for n, i := range places {
		names[n] = keys[i]
		values[n], out[i] = seal(keys[i], vectors[n], c.kind)
	}
	if err := c.store.Set(ctx, names, values); err != nil {
		c.failed.Add(1)
	}
	return nil
}

// await takes over what others computed; what failed there stays nil and is
// claimed in the next round.
func (c *Cache) await(ctx context.Context, others map[int]*call, out [][]float32) (got int, err error) {
	for i, running := range others {
		select {
		case <-running.done:
			if out[i] = running.vector; out[i] != nil {
				got++
			}
		case <-ctx.Done():
			return got, context.Cause(ctx)
		}
	}
	return got, nil
}

// Note remembers that the values of keys are an owner's, to be forgotten with it.
// Where the store is down they are as if nobody owned them.
func (c *Cache) Note(ctx context.Context, owner string, keys []string) {
	if err := c.store.Note(ctx, owner, keys); err != nil {
		c.failed.Add(1)
	}
}

// Forget removes the values that were noted as an owner's. An error is the store's:
// it may be tried again.
func (c *Cache) Forget(ctx context.Context, owner string) error {
	err := c.store.Forget(ctx, owner)
	if err != nil {
		c.failed.Add(1)
	}
	return err
}

// get reads what the store has of keys into out, and returns how many that were.
// An error is the store's, and counted.
func (c *Cache) get(ctx context.Context, keys []string, out [][]float32) (got int, err error) {
	values, err := c.store.Get(ctx, keys)
	if err != nil {
		c.failed.Add(1)
	}
	for i, value := range values {
		if value == nil {
			continue
		}
		vector, ok := open(keys[i], value)
		if !ok {
			c.refused.Add(1)
			continue
		}
		out[i] = vector
		got++
	}
	return got, err
}
