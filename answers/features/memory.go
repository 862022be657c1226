package features

import (
	"context"
	"slices"
	"sync"

	"github.com/maypok86/otter/v2"

	"videoqa/internal/lru"
)

// Memory is a [Store] in this process that holds at most so many bytes and
// forgets what was not used for longest.
type Memory struct {
	cache *lru.Cache[[]byte]

	mu    sync.Mutex
	owned *otter.Cache[string, []string] // keys, sorted
}

// mostOwners is how many owners' keys are remembered, those that were noted last.
const mostOwners = 100_000

// NewMemory returns a store of at most limit bytes, keys and a little
// bookkeeping included. A value larger than that is not kept.
func NewMemory(limit int64) *Memory {
	const bookkeeping = 160 // bytes an entry, measured roughly
	return &Memory{
		cache: lru.New(max(limit, 0), func(key string, value []byte) int64 { return int64(len(key) + len(value) + bookkeeping) }),
		owned: otter.Must(&otter.Options[string, []string]{MaximumSize: mostOwners}),
	}
}

// Get implements [Store].
func (m *Memory) Get(_ context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i], _ = m.cache.Find(key)
	}
	return values, nil
}

// Set implements [Store].
func (m *Memory) Set(_ context.Context, keys []string, values [][]byte) error {
	for i, key := range keys {
		m.cache.Put(key, values[i])
	}
	return nil
}

// Note implements [Store].
func (m *Memory) Note(_ context.Context, owner string, keys []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, _ := m.owned.GetIfPresent(owner)
	all = append(slices.Clone(all), keys...)
	slices.Sort(all)
	m.owned.Set(owner, slices.Compact(all))
	return nil
}

// Forget implements [Store].
func (m *Memory) Forget(_ context.Context, owner string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys, _ := m.owned.Invalidate(owner)
	for _, key := range keys {
		m.cache.Forget(key)
	}
	return nil
}

// Evictions counts what was forgotten for want of room.
func (m *Memory) Evictions() int64 { return int64(m.cache.Stats().Evictions) }

// Bytes is about how much it holds.
func (m *Memory) Bytes() int64 { return int64(m.cache.Stats().Bytes) }
