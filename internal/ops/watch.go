package ops

import (
	"slices"
	"time"

	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/trail"
)

// A Watch makes numbers and spans of questions. It implements [trail.Watch].
type Watch struct {
	metrics *Metrics
	tracing *Tracing
	reasons []string
}

// NewWatch returns a watch that tells metrics and, unless it is nil, tracing.
func NewWatch(metrics *Metrics, tracing *Tracing) *Watch {
	return &Watch{metrics, tracing, fault.Names()}
}

// DeadLetter implements [trail.Watch].
func (w *Watch) DeadLetter(kind string) {
	if !slices.Contains(w.reasons, kind) {
		kind = other
	}
	w.metrics.dead.WithLabelValues(kind).Inc()
}

// Follow implements [trail.Watch].
func (w *Watch) Follow(q ingest.Question, at time.Time, headers []ingest.Header) trail.Trail {
	w.metrics.inHand.Inc()
	return &follower{m: w.metrics, span: w.tracing.follow(q, headers), route: routeOf(headers), kind: q.AsKind(), at: at}
}

// The ways by which a question comes.
const (
	overStream = "stream"
	overHTTP   = "http"
)

// routeOf says by which way a question came: those that we publish ourselves were
// asked over HTTP.
func routeOf(headers []ingest.Header) string {
	if ingest.Ours(headers) {
		return overHTTP
	}
	return overStream
}

// A follower is one question's trail.
type follower struct {
	m       *Metrics
	span    span
	route   string
	kind    ingest.Kind
	at      time.Time // of its event
	queued  bool
	publish time.Duration
}

// Begin implements [trail.Trail].
func (f *follower) Begin(stage string) func(error) {
	began, end := time.Now(), f.span.begin(stage)
	if stage == trail.Queue {
		f.queued = true
		f.m.queue.Inc()
	}
	return func(err error) {
		switch stage {
		case trail.Queue:
			f.leaveQueue()
		case trail.Publish:
			f.publish += time.Since(began)
		}
		end(err)
	}
}

func (f *follower) leaveQueue() {
	if f.queued {
		f.queued = false
		f.m.queue.Dec()
	}
}

// Headers implements [trail.Trail].
func (f *follower) Headers() []ingest.Header { return f.span.headers() }

// End implements [trail.Trail].
func (f *follower) End(fate trail.Fate, a ingest.Answer) {
	f.leaveQueue()
	f.m.inHand.Dec()
	f.span.end(fate)
	switch fate {
	case trail.Answered:
		f.count(map[bool]string{false: "answered", true: "abstained"}[a.Abstained])
		f.m.answered.WithLabelValues(a.Model.Name).Inc() // a service has few models, and names them
		f.m.age.Observe(max(0, time.Since(f.at).Seconds()))
		f.times(a.Cost)
	case trail.Dead:
		f.count("dead")
	case trail.Repeated:
		f.m.published.WithLabelValues("repeat").Inc()
	}
}

func (f *follower) count(outcome string) {
	kind := f.kind
	if !slices.Contains(ingest.Kinds(), kind) {
		kind = other
	}
	f.m.questions.WithLabelValues(f.route, string(kind), outcome).Inc()
	f.m.published.WithLabelValues("new").Inc()
}

// times are an answer's own, which it shares with the answers of its batch.
func (f *follower) times(c ingest.Cost) {
	for stage, milliseconds := range map[string]float64{
		trail.Queue: c.QueueMS, trail.Fetch: c.FetchMS, trail.Decode: c.DecodeMS, trail.Encode: c.EncodeMS,
		trail.Prefix: c.PrefixMS, trail.Generate: c.GenerateMS, trail.Publish: float64(f.publish) / float64(time.Millisecond),
	} {
		f.m.latency.WithLabelValues(stage).Observe(milliseconds / 1000)
	}
}
