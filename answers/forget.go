package answers

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/maypok86/otter/v2"
)

// Forget evicts the cache entries of a clip: which frames were used, their features, in
// this process and in the store that processes share, and its prefixes. What another clip
// has in common with it is computed again when it is asked for. An error is that of the
// features' store; Forget may be called again.
func (s *Service) Forget(ctx context.Context, clipID string) error {
	for t := range s.entries.remove(clipID) {
		switch t.kind {
		case planEntry:
			s.plans.Invalidate(t.key)
		case momentEntry:
			s.moments.Invalidate(t.key)
		case prefixEntry:
			s.prefixes.Forget(t.key)
		}
	}
	return s.cfg.Features.Forget(ctx, clipID)
}

// A cacheEntry names one entry of a cache of this process.
type cacheEntry struct {
	kind kind
	key  string
}

type kind byte

const (
	planEntry    kind = iota // in plans
	momentEntry              // in moments
	prefixEntry              // in prefixes
	featureEntry             // in features
)

// A cacheIndex lists the cache entries of each clip, for the clips that were asked about last.
type cacheIndex struct {
	mu  sync.Mutex
	all *otter.Cache[string, map[cacheEntry]bool]
}

func newCacheIndex() *cacheIndex {
	return &cacheIndex{all: otter.Must(&otter.Options[string, map[cacheEntry]bool]{MaximumSize: 100_000})}
}

// add adds entries of a clip, and reports whether any is new. Entries without a clip's id are
// not listed: no deletion can name them.
func (h *cacheIndex) add(clipID string, k kind, keys ...string) (fresh bool) {
	if clipID == "" {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	entries, ok := h.all.GetIfPresent(clipID)
	if !ok {
		entries = map[cacheEntry]bool{}
		h.all.Set(clipID, entries)
	}
	for _, key := range keys {
		t := cacheEntry{k, key}
		fresh = fresh || !entries[t]
		entries[t] = true
	}
	return fresh
}

func (h *cacheIndex) remove(clipID string) map[cacheEntry]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	entries, _ := h.all.Invalidate(clipID)
	return entries
}

// recordOwners lists the features of the frames used under their clips, also those that were
// encoded for another clip with the same picture.
func (j *job) recordOwners(ctx context.Context) {
	of := map[string][]string{}
	keys := j.featureKeys(j.used)
	for i, l := range j.used.frames {
		clip := j.source.clipOf(l)
		of[clip] = append(of[clip], keys[i])
	}
	for clip, keys := range of {
		if fresh := j.s.entries.add(clip, featureEntry, keys...); fresh || clip != "" && j.cache.FramesMiss > 0 {
			j.features().Note(ctx, clip, keys)
		}
	}
}

// clipIDs lists the clips whose frames a job uses.
func (j *job) clipIDs() []string {
	ids := map[string]bool{}
	for _, l := range j.used.frames {
		ids[j.source.clipOf(l)] = true
	}
	return slices.Collect(maps.Keys(ids))
}
