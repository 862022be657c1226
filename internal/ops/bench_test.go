package ops_test

import (
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/internal/ops"
	"videoqa/internal/trace"
)

// What watching adds to one question.
func BenchmarkAQuestion(b *testing.B) {
	metrics := ops.NewMetrics("v0")
	tracing, closed := traced(b)
	defer closed()
	for name, watch := range map[string]trace.Observer{
		"unwatched": trace.None{}, "metrics": ops.NewObserver(metrics, nil), "metrics and spans": ops.NewObserver(metrics, tracing),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			headers := []ingest.Header{{Key: "traceparent", Value: []byte(parent)}}
			for b.Loop() {
				f := watch.Follow(ingest.Question{ID: "q-1", Text: "what is it?"}, time.Now(), headers)
				for _, stage := range trace.Stages() {
					f.Begin(stage)(nil)
				}
				f.Headers()
				f.End(trace.Answered, ingest.Answer{})
			}
		})
	}
}
