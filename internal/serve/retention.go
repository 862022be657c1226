package serve

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"videoqa/answers/store"
	"videoqa/internal/fault"
)

const forgetEvery = time.Hour

// A retention is how long a store keeps what nobody writes to any more. It may
// change while it is kept to.
type retention struct {
	time  atomic.Int64
	least atomic.Int64 // that the topics' records are kept, as far as was asked
}

func newRetention(d time.Duration) *retention {
	r := &retention{}
	r.time.Store(int64(d))
	return r
}

// shorterThan reports whether a topic that keeps its records for d, or for ever if that
// is 0, keeps them longer. A nil r keeps all.
func (r *retention) shorterThan(d time.Duration) bool {
	if r == nil {
		return false
	}
	r.least.Store(max(r.least.Load(), int64(d)))
	return d == 0 || time.Duration(r.time.Load()) < d
}

// covers refuses topics that keep their records longer, by how long each does.
func (r *retention) covers(kept map[string]time.Duration) error {
	for name, d := range kept {
		if r.shorterThan(d) {
			return fmt.Errorf("topic %s keeps its records for %s, and the store its outcomes for less: raise --store-retention, or lower the topic's retention.ms: %w", name, spell(d), fault.BadRequest)
		}
	}
	return nil
}

// set is a [reloader].
func (r *retention) set(now Settings) error {
	if least := time.Duration(r.least.Load()); now.Store.Retention < least {
		return fmt.Errorf("--store-retention %s: topics keep their records for %s, and one that is read again then would be answered again: %w", spell(now.Store.Retention), spell(least), fault.BadRequest)
	}
	r.time.Store(int64(now.Store.Retention))
	return nil
}

// A forgetter is a store, as far as it forgets.
type forgetter interface {
	Prune(ctx context.Context, before time.Time) (store.Pruned, error)
}

// begin keeps to r until stop is called. A nil r keeps all.
func (r *retention) begin(ctx context.Context, from forgetter, log *slog.Logger) (stop func()) {
	if r == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var kept sync.WaitGroup
	kept.Go(func() { r.keep(ctx, from, log) })
	return func() {
		cancel()
		kept.Wait()
	}
}

// keep has from forget what is older, now and once an hour until ctx ends. Other
// processes may do so at the same time.
func (r *retention) keep(ctx context.Context, from forgetter, log *slog.Logger) {
	again := time.NewTicker(forgetEvery)
	defer again.Stop()
	for ctx.Err() == nil {
		forgotten, err := from.Prune(ctx, time.Now().Add(-time.Duration(r.time.Load())))
		switch {
		case err != nil && ctx.Err() == nil:
			log.Warn("old outcomes not forgotten, trying again in an hour", "error", err)
		case forgotten != (store.Pruned{}):
			log.Info("forgotten", "outcomes", forgotten.Outcomes, "clips", forgotten.Clips, "uploads", forgotten.Uploads)
		}
		select {
		case <-ctx.Done():
		case <-again.C:
		}
	}
}
