package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"videoqa/answers"
	"videoqa/answers/store"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
	"videoqa/internal/ops"
	"videoqa/internal/trace"
)

// The parts that have to be ready.
const (
	partModel  = "model"
	partStore  = "store"
	partStream = "stream"
	partData   = "data folder" // of which SQLite, the embedded broker and the journal are part
	partSpool  = "spool"
	partPages  = "stored pages" // never keeps the service from being ready
)

const scrapePatience = 2 * time.Second // with the store

// operations is what operators see of a running service.
type operations struct {
	health  *ops.Health
	metrics *ops.Metrics
	tracing *ops.Tracing // nil: off
	server  *ops.Server
	log     *slog.Logger
}

// observe opens the operations listener, so that a service can be seen starting,
// and tracing if a collector is named.
func (s *Settings) observe(ctx context.Context, p *Process) (*operations, error) {
	o := &operations{health: ops.NewHealth(partModel, partStore, partStream), metrics: ops.NewMetrics(p.Version), log: p.Log}
	o.metrics.MustAdd(o.health.Source())
	var err error
	if p.traces() {
		if o.tracing, err = ops.OpenTracing(ctx, p.Version, p.Log); err != nil {
			return nil, err
		}
	}
	o.server, err = ops.Listen(ops.Config{Listen: s.OpsListen, Health: o.health, Metrics: o.metrics, Log: p.Log})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w (--ops-listen chooses another address)", err), o.tracing.Close())
	}
	return o, nil
}

// traces reports whether spans are sent to a collector.
func (p *Process) traces() bool {
	return p.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || p.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// around serves operations as long as do runs.
func (o *operations) around(ctx context.Context, do func(context.Context) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	served, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	var failed error
	running.Go(func() {
		failed = o.server.Run(served)
		fail(failed)
	})
	defer context.AfterFunc(ctx, func() {
		o.health.Watch(partStream, func(context.Context) error { return errors.New("stopping") })
	})()
	err := do(ctx)
	stop()
	running.Wait()
	if err := o.tracing.Close(); err != nil {
		o.log.Warn("the last spans are lost", "error", err) // a collector that is down is no failure of ours
	}
	return errors.Join(err, failed)
}

// service registers the metrics of a service, whose model is loaded.
func (o *operations) service(s *answers.Service, kept featureStore) {
	levels := func(name, help string, counts bool, frames, prefixes, inRedis func() float64) ops.Source {
		return ops.Source{Name: name, Help: help, Labels: []string{"level"}, Counts: counts, Read: func(emit ops.Emit) {
			emit(frames(), "frames")
			emit(prefixes(), "prefixes")
			if kept.redis != nil && inRedis != nil {
				emit(inRedis(), "redis")
			}
		}}
	}
	o.metrics.MustAdd(
		levels("vqa_feature_cache_hits_total", "Found: frames' features in any cache, the part of them that came from Redis, and clips' prefixes.", true,
			func() float64 { f := s.Features(); return float64(f.Hits + f.Shared) }, func() float64 { return float64(s.Prefixes().Hits) },
			func() float64 { return float64(kept.redis.Hits()) }),
		levels("vqa_feature_cache_misses_total", "Not found, and so computed.", true,
			func() float64 { return float64(s.Features().Encoded) }, func() float64 { return float64(s.Prefixes().Misses) },
			func() float64 { return float64(s.Features().Encoded) }),
		levels("vqa_feature_cache_evictions_total", "Evicted to make room.", true,
			func() float64 { return float64(kept.memory.Evictions()) }, func() float64 { return float64(s.Prefixes().Evictions) }, nil),
		levels("vqa_feature_cache_bytes", "Bytes held in this process.", false,
			func() float64 { return float64(kept.memory.Bytes()) }, func() float64 { return float64(s.Prefixes().Bytes) }, nil),
		ops.Source{Name: "vqa_feature_cache_refused_total", Help: "Values that failed their check, and so were computed again.", Counts: true,
			Read: func(emit ops.Emit) { emit(float64(s.Features().Refused)) }},
		ops.Source{Name: "vqa_feature_cache_failed_total", Help: "Calls of the feature store that failed.", Counts: true,
			Read: func(emit ops.Emit) { emit(float64(s.Features().Failed)) }},
		ops.Source{Name: "vqa_feature_cache_breaker", Help: "1 for the state of the circuit breaker in front of Redis: closed means that Redis is asked, none that there is no Redis.", Labels: []string{"state"},
			Read: func(emit ops.Emit) {
				for _, state := range []string{"none", "closed", "half-open", "open"} {
					emit(map[bool]float64{true: 1}[state == kept.breaker()], state)
				}
			}},
		ops.Source{Name: "vqa_frames_total", Help: "Frames decoded, sampled (wanted) and dropped (wanted but damaged); and, of the frames used, encoded and reused.", Labels: []string{"state"}, Counts: true,
			Read: func(emit ops.Emit) {
				f := s.Features()
				emit(float64(f.Encoded), "encoded")
				emit(float64(f.Hits+f.Shared), "reused")
				p := s.Pictures()
				emit(float64(p.Decoded), "decoded")
				emit(float64(p.Sampled), "sampled")
				emit(float64(p.Dropped), "dropped")
			}},
	)
}

// spool registers the room for uploads in a folder. The room of a bucket is not known.
func (o *operations) spool(kept uploads, dir string, quota int64) {
	folder, ok := kept.(*spool.Folder)
	if !ok {
		return
	}
	o.health.Watch(partSpool, seldom(room(dir)))
	used := func(emit ops.Emit) {
		if n, err := folder.Used(context.Background()); err == nil { // else there is no sample
			emit(float64(n))
		}
	}
	o.metrics.MustAdd(
		ops.Source{Name: "vqa_spool_bytes", Help: "Bytes of uploads in the spool, those still arriving included.", Read: used},
		ops.Source{Name: "vqa_spool_quota_bytes", Help: "Limit of all uploads together, in bytes.", Read: func(emit ops.Emit) { emit(float64(quota)) }},
	)
}

// observer returns what the stream reports to.
func (o *operations) observer() observer {
	return observer{Health: o.health, Metrics: o.metrics, Observer: ops.NewObserver(o.metrics, o.tracing)}
}

// An observer registers the health and metrics of the stream's parts; its zero value registers nothing.
type observer struct {
	Health   *ops.Health
	Metrics  *ops.Metrics
	Observer trace.Observer
}

func (o observer) store(s store.Store) {
	o.Health.Watch(partStore, all(func(ctx context.Context) error {
		_, _, err := s.NextDue(ctx)
		return err
	}, seldom(writable(s))))
	if o.Metrics == nil {
		return
	}
	o.Metrics.MustAdd(ops.Source{Name: "vqa_questions_waiting", Help: "Rows of the deferred queue.", Read: func(emit ops.Emit) {
		ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
		defer cancel()
		if n, err := s.Waiting(ctx); err == nil { // readiness says what is wrong
			emit(float64(n))
		}
	}})
}

// condition logs, and adds to readiness, what is wrong with a store that was opened.
func (o observer) condition(ctx context.Context, s store.Health, log *slog.Logger) {
	advice, err := s.Health(ctx)
	if advice != "" {
		log.Warn("the store is less safe than it could be", "advice", advice)
	}
	switch {
	case errors.Is(err, fault.Damaged):
		log.Error("the store is damaged", "error", err)
		o.Health.Degrade(partPages, func(context.Context) error { return err })
	case err != nil:
		log.Warn("the store could not be checked for damage", "error", err)
	}
}

// stream registers the consumer's metrics. A process that consumes is ready once the group
// has assigned it a partition; one that only publishes is ready while a broker answers.
func (o observer) stream(c *kafka.Client, consumes bool) {
	o.Health.Watch(partStream, func(ctx context.Context) error {
		switch {
		case !consumes:
			return c.Ping(ctx)
		case c.Assigned() == 0:
			return errors.New("no partition of the group is assigned to this process")
		}
		return nil
	})
	if o.Metrics == nil {
		return
	}
	of := func(name, help string, value func(kafka.Lag) float64) ops.Source {
		return ops.Source{Name: name, Help: help, Labels: []string{"topic", "partition"}, Read: func(emit ops.Emit) {
			for _, l := range c.Lags() {
				emit(value(l), l.Topic, strconv.Itoa(l.Partition))
			}
		}}
	}
	o.Metrics.MustAdd(
		of("vqa_consumer_lag_records", "Records not accounted for, of partitions assigned to this process.", func(l kafka.Lag) float64 { return float64(l.Records) }),
		of("vqa_consumer_position_offset", "Offset up to which all is accounted for, of those partitions.", func(l kafka.Lag) float64 { return float64(l.Position) }),
		of("vqa_consumer_fetch_age_seconds", "Since the broker last answered a fetch, of those partitions.", func(l kafka.Lag) float64 { return l.Age.Seconds() }),
		ops.Source{Name: "vqa_consumer_gaps_total", Help: "Times that records were gone before they were read.", Counts: true,
			Read: func(emit ops.Emit) { emit(float64(c.Gaps().Count)) }},
		ops.Source{Name: "vqa_consumer_gap_records_total", Help: "Records that were gone before they were read.", Counts: true,
			Read: func(emit ops.Emit) { emit(float64(c.Gaps().Records)) }},
	)
}

// publishing returns s with a count of the outcomes that it failed to publish.
func (o observer) publishing(s worker.Stream) worker.Stream {
	if o.Metrics == nil {
		return s
	}
	return meteredStream{s, o.Metrics}
}

// A meteredStream counts outcomes that could not be published; a worker publishes nothing else.
type meteredStream struct {
	worker.Stream
	metrics *ops.Metrics
}

// Publish implements [worker.Stream].
func (m meteredStream) Publish(ctx context.Context, messages ...ingest.Message) error {
	err := m.Stream.Publish(ctx, messages...)
	if err != nil {
		m.metrics.Unpublished(len(messages))
	}
	return err
}

// A meteredService records the sizes of the batches that it is asked.
type meteredService struct {
	*answers.Service
	metrics *ops.Metrics
}

// Ask implements [worker.Asker].
func (m meteredService) Ask(ctx context.Context, about answers.About, questions []ingest.Question) ([]answers.Result, error) {
	m.metrics.Batch(len(questions))
	return m.Service.Ask(ctx, about, questions)
}
