package ops

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/native"
	"videoqa/internal/trace"
)

// Bounds of buckets, in seconds.
var (
	stageSeconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	ageSeconds   = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}
	batchSizes   = []float64{1, 2, 4, 8, 16, 32, ingest.MaxQuestions}
)

// other stands for a label value that is none of those that we know.
const other = "other"

// Metrics are a process's numbers, for Prometheus. Their names begin with vqa_;
// what the Go runtime and the process tell has its usual names.
type Metrics struct {
	registry *prometheus.Registry
	handler  http.Handler

	questions *prometheus.CounterVec // route, kind, outcome
	published *prometheus.CounterVec // result
	answered  *prometheus.CounterVec // model
	dead      *prometheus.CounterVec // reason
	requests  *prometheus.CounterVec // route, code
	replies   *prometheus.HistogramVec
	open      prometheus.Gauge // requests
	latency   *prometheus.HistogramVec
	age       prometheus.Histogram
	batch     prometheus.Histogram
	inHand    prometheus.Gauge
	queue     prometheus.Gauge
}

// NewMetrics returns numbers that are all there from the start, at zero, so that
// a first increase is seen as one.
func NewMetrics(version string) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		questions: counter("vqa_questions_total", "Questions that got their one outcome: answered, abstained or dead.", "route", "kind", "outcome"),
		published: counter("vqa_answers_published_total", "Outcomes published, new ones and repeats for questions that came again, and attempts at it that failed.", "result"),
		answered:  counter("vqa_model_answers_total", "Answers and abstentions, by the model that gave them.", "model"),
		dead:      counter("vqa_dlq_total", "Dead letters, by error_kind.", "reason"),
		requests:  counter("vqa_http_requests_total", "HTTP requests, by the route that served them and the status of the reply.", "route", "code"),
		replies: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "vqa_http_request_seconds", Help: "From a request's head to the end of its reply, the wait for an answer included.", Buckets: stageSeconds,
		}, []string{"route"}),
		open: gauge("vqa_http_requests_in_flight", "HTTP requests without a reply so far."),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "vqa_answer_latency_seconds", Help: "Time of an answer in each stage.", Buckets: stageSeconds,
		}, []string{"stage"}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "vqa_answer_age_seconds", Help: "From the question's event time to its published answer.", Buckets: ageSeconds,
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "vqa_batch_size", Help: "Questions asked about one clip together.", Buckets: batchSizes,
		}),
		inHand: gauge("vqa_questions_in_hand", "Questions in progress, from the stream or the deferred queue."),
		queue:  gauge("vqa_queue_questions", "Questions that wait for a free slot."),
	}
	for _, c := range []prometheus.Collector{m.questions, m.published, m.answered, m.dead, m.latency, m.age, m.batch, m.inHand, m.queue, m.requests, m.replies, m.open,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		m.registry.MustRegister(c)
	}
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 8, Timeout: 10 * time.Second})
	m.begin()
	m.MustAdd(builtFrom(version))
	m.MustAdd(nativeSources()...)
	return m
}

// begin makes the series of every label value that there is.
func (m *Metrics) begin() {
	for _, route := range []string{overStream, overHTTP} {
		for _, kind := range append(ingest.Kinds(), other) {
			for _, outcome := range []string{"answered", "abstained", "dead"} {
				m.questions.WithLabelValues(route, string(kind), outcome)
			}
		}
	}
	for _, result := range []string{"new", "repeat", "failed"} {
		m.published.WithLabelValues(result)
	}
	for _, reason := range append(fault.Names(), other) {
		m.dead.WithLabelValues(reason)
	}
	for _, stage := range trace.Stages() {
		m.latency.WithLabelValues(stage)
	}
}

// Models adds the names of the models, so that their metrics exist from the start.
func (m *Metrics) Models(names ...string) {
	for _, name := range names {
		m.answered.WithLabelValues(name)
	}
}

// ServeHTTP answers a scrape.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// Batch records how many questions are asked together.
func (m *Metrics) Batch(questions int) { m.batch.Observe(float64(questions)) }

// Unpublished counts outcomes that an attempt did not publish: they are tried
// again.
func (m *Metrics) Unpublished(outcomes int) {
	m.published.WithLabelValues("failed").Add(float64(outcomes))
}

// Names returns the names of all metrics, as a scrape has them, in order.
func (m *Metrics) Names() ([]string, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("ops: gather metrics: %w", err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	return slices.Sorted(slices.Values(names)), nil
}

func builtFrom(version string) Source {
	return Source{
		Name: "vqa_build_info", Help: "1, with the version and Go's.", Labels: []string{"version", "goversion"},
		Read: func(emit Emit) { emit(1, version, runtime.Version()) },
	}
}

func nativeSources() []Source {
	of := func(name, help string, counts bool, read func(native.Stats) float64) Source {
		return Source{Name: name, Help: help, Counts: counts, Read: func(emit Emit) { emit(read(native.Read())) }}
	}
	return []Source{
		of("vqa_native_heap_bytes", "Handed out by the C allocator.", false, func(s native.Stats) float64 { return float64(s.HeapBytes) }),
		of("vqa_native_handles", "C handles that are open.", false, func(s native.Stats) float64 { return float64(s.Handles) }),
		of("vqa_native_leaked_total", "C handles lost without being closed.", true, func(s native.Stats) float64 { return float64(s.Leaked) }),
	}
}
