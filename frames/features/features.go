// Package features remembers what a vision encoder made of a picture, by content.
//
//	cache := features.New(features.NewMemory(256 << 20))
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
)

// A Store keeps bytes by key, for as long as it likes. Get returns nil for what
// it does not have; the bytes are shared and never written to. Implementations
// pass [videoqa/frames/features/featurestest.Run].
type Store interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Set(ctx context.Context, key string, value []byte) error
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
type Stats struct {
	Hits, Encoded, Shared int64
	Refused               int64 // values that failed their check
	Failed                int64 // calls of the store that failed
}

// A Cache answers from its store, or computes and remembers.
type Cache struct {
	store Store

	hits, encoded, shared, refused, failed atomic.Int64

	mu     sync.Mutex
	flight map[string]*call // being encoded now
}

// call is one encoding under way; what it gives is set before done is closed.
type call struct {
	done   chan struct{}
	vector []float32 // nil if it failed
}

// New returns a cache over store.
func New(store Store) *Cache { return &Cache{store: store, flight: map[string]*call{}} }

// Stats returns the counts since the cache was made.
func (c *Cache) Stats() Stats {
	return Stats{c.hits.Load(), c.encoded.Load(), c.shared.Load(), c.refused.Load(), c.failed.Load()}
}

// Have tells which keys the store holds a good value of, without computing any.
func (c *Cache) Have(ctx context.Context, keys []string) ([][]float32, bool) {
	out := make([][]float32, len(keys))
	for i, key := range keys {
		if out[i] = c.get(ctx, key); out[i] == nil {
			return nil, false
		}
	}
	c.hits.Add(int64(len(keys)))
	return out, true
}

// Fill returns the values of keys, in their order, and how many of them did not
// have to be computed. encode is called at most once, with the places of those
// that nobody has and nobody is computing, and returns their values in that
// order. Values are shared: they are never written to. Errors are encode's and
// ctx's only.
func (c *Cache) Fill(ctx context.Context, keys []string, encode func(ctx context.Context, missing []int) ([][]float32, error)) ([][]float32, int, error) {
	out, hits := make([][]float32, len(keys)), 0
	for i, key := range keys {
		if out[i] = c.get(ctx, key); out[i] != nil {
			hits++
		}
	}
	c.hits.Add(int64(hits))
	for {
		mine, others := c.claim(keys, out)
		if len(mine) > 0 {
			if err := c.compute(ctx, keys, mine, out, encode); err != nil {
				return nil, hits, err
			}
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

// compute encodes the claimed places and hands the values to whoever waits.
func (c *Cache) compute(ctx context.Context, keys []string, mine []int, out [][]float32, encode func(context.Context, []int) ([][]float32, error)) (err error) {
	var vectors [][]float32
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for n, i := range mine {
			running := c.flight[keys[i]]
			if err == nil && n < len(vectors) {
				running.vector = vectors[n]
			}
			delete(c.flight, keys[i])
			close(running.done)
		}
	}()
	if vectors, err = encode(ctx, mine); err != nil {
		return err
	}
	if len(vectors) != len(mine) {
		panic(fmt.Sprintf("features: encode gave %d values for %d pictures", len(vectors), len(mine)))
	}
	c.encoded.Add(int64(len(mine)))
	for n, i := range mine {
		out[i] = vectors[n]
		if err := c.store.Set(ctx, keys[i], seal(keys[i], vectors[n])); err != nil {
			c.failed.Add(1)
		}
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

func (c *Cache) get(ctx context.Context, key string) []float32 {
	value, err := c.store.Get(ctx, key)
	if err != nil {
		c.failed.Add(1)
		return nil
	}
	if value == nil {
		return nil
	}
	vector, ok := open(key, value)
	if !ok {
		c.refused.Add(1)
		return nil
	}
	return vector
}
