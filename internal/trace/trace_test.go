package trace_test

import (
	"context"
	"slices"
	"testing"

	"videoqa/ingest"
	"videoqa/internal/trace"
)

func TestAStageOfABatchIsReportedForEachOfItsQuestions(t *testing.T) {
	reported := map[string][]string{}
	var all []trace.Trace
	for _, id := range []string{"q-1", "q-2"} {
		all = append(all, recorder{id, reported})
	}
	end := trace.Begin(trace.With(context.Background(), all...), trace.Decode)
	end(nil)
	trace.Begin(context.Background(), trace.Encode)(nil) // no question
	for _, id := range []string{"q-1", "q-2"} {
		if want := []string{"decode begins", "decode ends"}; !slices.Equal(reported[id], want) {
			t.Errorf("%s has %q; want %q", id, reported[id], want)
		}
	}
}

type recorder struct {
	id       string
	reported map[string][]string
}

func (r recorder) Begin(stage string) func(error) {
	r.reported[r.id] = append(r.reported[r.id], stage+" begins")
	return func(error) { r.reported[r.id] = append(r.reported[r.id], stage+" ends") }
}

func (recorder) Headers() []ingest.Header             { return nil }
func (recorder) End(trace.Disposition, ingest.Answer) {}
