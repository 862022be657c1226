package answers

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/maypok86/otter/v2"
)

// Forget removes what was remembered of a clip: which pictures it shows, their
// features, in this process and in the store that processes share, and its
// prefixes. What another clip has in common with it is computed again when it is
// asked for. An error is that of the features' store; Forget may be called again.
func (s *Service) Forget(ctx context.Context, clipID string) error {
	for t := range s.holdings.remove(clipID) {
		switch t.kind {
		case plan:
			s.seen.Invalidate(t.key)
		case moment:
			s.moments.Invalidate(t.key)
		case prefix:
			s.prefixes.Forget(t.key)
		}
	}
	return s.cfg.Features.Forget(ctx, clipID)
}

// A thing is what this process remembers of a clip.
type thing struct {
	kind kind
	key  string
}

type kind byte

const (
	plan    kind = iota // in seen
	moment              // in moments
	prefix              // in prefixes
	feature             // in features
)

// holdings know what is remembered of each clip, of those that were asked about last.
type holdings struct {
	mu  sync.Mutex
	all *otter.Cache[string, map[thing]bool]
}

func newHoldings() *holdings {
	return &holdings{all: otter.Must(&otter.Options[string, map[thing]bool]{MaximumSize: 100_000})}
}

// add notes keys of a clip, and tells whether any is new. What has no clip's name
// cannot be asked to be forgotten.
func (h *holdings) add(clipID string, k kind, keys ...string) (fresh bool) {
	if clipID == "" {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	things, ok := h.all.GetIfPresent(clipID)
	if !ok {
		things = map[thing]bool{}
		h.all.Set(clipID, things)
	}
	for _, key := range keys {
		t := thing{k, key}
		fresh = fresh || !things[t]
		things[t] = true
	}
	return fresh
}

func (h *holdings) remove(clipID string) map[thing]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	things, _ := h.all.Invalidate(clipID)
	return things
}

// own notes whose the pictures are that a job looks at: they may have been encoded
// for somebody else, and are this clip's all the same.
func (j *job) own(ctx context.Context) {
	of := map[string][]string{}
	keys := j.featureKeys(j.seen)
	for i, l := range j.seen.looks {
		clip := j.source.clipOf(l)
		of[clip] = append(of[clip], keys[i])
	}
	for clip, keys := range of {
		if fresh := j.s.holdings.add(clip, feature, keys...); fresh || clip != "" && j.cache.FramesMiss > 0 {
			j.features().Note(ctx, clip, keys)
		}
	}
}

// clipIDs lists the clips that a job looks at.
func (j *job) clipIDs() []string {
	ids := map[string]bool{}
	for _, l := range j.seen.looks {
		ids[j.source.clipOf(l)] = true
	}
	return slices.Collect(maps.Keys(ids))
}
