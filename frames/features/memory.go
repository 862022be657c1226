package features

import (
	"context"

	"github.com/maypok86/otter/v2"
)

// Memory is a [Store] in this process that holds at most so many bytes and
// forgets what was used least.
type Memory struct {
	cache *otter.Cache[string, []byte]
}

// NewMemory returns a store of at most limit bytes, keys and a little
// bookkeeping included. A value larger than that is not kept.
func NewMemory(limit int64) *Memory {
	const bookkeeping = 160 // bytes an entry, measured roughly
	return &Memory{otter.Must(&otter.Options[string, []byte]{
		MaximumWeight: uint64(max(limit, 0)),
		Weigher:       func(key string, value []byte) uint32 { return uint32(len(key) + len(value) + bookkeeping) },
	})}
}

// Get implements [Store].
func (m *Memory) Get(_ context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i], _ = m.cache.GetIfPresent(key)
	}
	return values, nil
}

// Set implements [Store].
func (m *Memory) Set(_ context.Context, keys []string, values [][]byte) error {
	for i, key := range keys {
		m.cache.Set(key, values[i])
	}
	m.cache.CleanUp() // else what has to go lingers, and values are large
	return nil
}

// Bytes is about how much it holds.
func (m *Memory) Bytes() int64 { return int64(m.cache.WeightedSize()) }
