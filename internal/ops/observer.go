package ops

import (
	"slices"
	"time"

	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/trace"
)

// An Observer turns the progress of questions into metrics and spans. It implements
// [trace.Observer].
type Observer struct {
	metrics *Metrics
	tracing *Tracing
	reasons []string
}

// NewObserver returns an observer that records in metrics and, unless it is nil, in tracing.
func NewObserver(metrics *Metrics, tracing *Tracing) *Observer {
	return &Observer{metrics, tracing, fault.Names()}
}

// DeadLetter implements [trace.Observer].
func (o *Observer) DeadLetter(kind string) {
	if !slices.Contains(o.reasons, kind) {
		kind = other
	}
	o.metrics.dead.WithLabelValues(kind).Inc()
}

// Follow implements [trace.Observer].
func (o *Observer) Follow(q ingest.Question, at time.Time, headers []ingest.Header) trace.Trace {
	o.metrics.inHand.Inc()
	return &follower{m: o.metrics, span: o.tracing.follow(q, headers), route: routeOf(headers), kind: q.AsKind(), at: at}
}

// The routes by which a question arrives.
const (
	overStream = "stream"
	overHTTP   = "http"
)

// routeOf returns the route of a question: the ones that this service published itself
// were asked over HTTP.
func routeOf(headers []ingest.Header) string {
	if ingest.Ours(headers) {
		return overHTTP
	}
	return overStream
}

// A follower is one question's trace.
type follower struct {
	m       *Metrics
	span    span
	route   string
	kind    ingest.Kind
	at      time.Time // of its event
	queued  bool
	publish time.Duration
}

// Begin implements [trace.Trace].
func (f *follower) Begin(stage string) func(error) {
	began, end := time.Now(), f.span.begin(stage)
	if stage == trace.Queue {
		f.queued = true
		f.m.queue.Inc()
	}
	return func(err error) {
		switch stage {
		case trace.Queue:
			f.leaveQueue()
		case trace.Publish:
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

// Headers implements [trace.Trace].
func (f *follower) Headers() []ingest.Header { return f.span.headers() }

// End implements [trace.Trace].
func (f *follower) End(d trace.Disposition, a ingest.Answer) {
	f.leaveQueue()
	f.m.inHand.Dec()
	f.span.end(d)
	switch d {
	case trace.Answered:
		f.count(map[bool]string{false: "answered", true: "abstained"}[a.Abstained])
		f.m.answered.WithLabelValues(a.Model.Name).Inc() // a service has few models, and names them
		f.m.age.Observe(max(0, time.Since(f.at).Seconds()))
		f.times(a.Cost)
	case trace.Dead:
		f.count("dead")
	case trace.Repeated:
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
		trace.Queue: c.QueueMS, trace.Fetch: c.FetchMS, trace.Decode: c.DecodeMS, trace.Encode: c.EncodeMS,
		trace.Prefix: c.PrefixMS, trace.Generate: c.GenerateMS, trace.Publish: float64(f.publish) / float64(time.Millisecond),
	} {
		f.m.latency.WithLabelValues(stage).Observe(milliseconds / 1000)
	}
}
