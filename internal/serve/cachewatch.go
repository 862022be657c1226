package serve

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"videoqa/internal/ops"
)

const partCache = "cache" // of features, in Redis

// A sharedCache can say whether it is there; [redis.Store] can.
type sharedCache interface {
	Check(ctx context.Context) error
	Failures() (n int64, last error)
}

// A cacheWatch logs that the feature cache is not there: at the start, then once a
// minute with a count, and when it is back.
type cacheWatch struct {
	cache sharedCache
	log   *slog.Logger
}

const cacheEvery = time.Minute

// watch has readiness tell of kept's Redis, if there is one, and the log, until stop is
// called.
func (kept featureStore) watch(ctx context.Context, health *ops.Health, log *slog.Logger) (stop func()) {
	if kept.redis == nil {
		return func() {}
	}
	health.Degrade(partCache, kept.redis.Check)
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { cacheWatch{kept.redis, log}.run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

func (w cacheWatch) run(ctx context.Context) {
	away := w.cache.Check(ctx)
	if away != nil && ctx.Err() == nil {
		w.log.Warn("the feature cache is not there: each process encodes frames by itself until it is; answers stay the same (--redis-url)", "error", away)
	}
	again := time.NewTicker(cacheEvery)
	defer again.Stop()
	for before, _ := w.cache.Failures(); ; {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		was := away
		away = w.cache.Check(ctx)
		n, last := w.cache.Failures()
		failed := n - before
		before = n
		switch {
		case ctx.Err() != nil:
			return
		case away != nil:
			w.log.Warn("the feature cache is not there", "failed_calls", failed, "for", cacheEvery, "error", away)
		case failed > 0:
			w.log.Warn("calls of the feature cache failed", "failed_calls", failed, "for", cacheEvery, "error", last)
		case was != nil:
			w.log.Info("the feature cache is back")
		}
	}
}
